"""Secrets made up from parts when the tests run, so that the repository itself holds nothing that
looks like one.
"""

from __future__ import annotations

import hashlib

UPPER, LOWER, DIGITS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "abcdefghjkmnpqrstuvwxyz", "23456789"
ALNUM = UPPER + LOWER + DIGITS


def drawn(seed: str, length: int, signs: str = ALNUM) -> str:
    """`length` signs that look random and are the same every time."""
    out, block = "", seed.encode()
    while len(out) < length:
        block = hashlib.sha256(block).digest()
        out += "".join(signs[byte % len(signs)] for byte in block)
    return out[:length]


HEX = "0123456789abcdef"
PW = drawn("pw", 14)
UUID = "-".join(drawn(f"uuid{n}", n, HEX) for n in (8, 4, 4, 4, 12))
KEY40 = drawn("aws", 38) + "/+"


def _block(kind: str) -> str:
    return (
        f"-----BEGIN {kind}-----\n"
        + "\n".join(drawn(f"{kind}{n}", 64) for n in range(4))
        + f"\n-----END {kind}-----"
    )


def secrets() -> list[tuple[str, str, str]]:
    """(name of the case, text, the secret in it that must be gone)."""
    jwt = ".".join(("ey" + "J" + drawn("h", 20), "ey" + "J" + drawn("p", 40), drawn("s", 43)))
    return [
        ("prose password", f"my password: {PW} thanks", PW),
        ("short password", "password: x9", "x9"),
        ("password with signs", "Password: p@ss,w;rd&1!", "p@ss,w;rd&1!"),
        ("passwd equals", f"passwd={PW}", PW),
        ("password is", f"the password is {PW}.", PW),
        ("passphrase", f'passphrase: "{PW} and more"', f"{PW} and more"),
        ("json", '{"user":"bob","password":"' + PW + '"}', PW),
        ("json with escapes", '{"password": "a\\"' + PW + '"}', PW),
        ("ruby hash", f'Parameters: {{"user"=>{{"password"=>"{PW}"}}}}', PW),
        ("ruby symbol", f"password: '{PW}', host: 'x'", PW),
        ("yaml", f"production:\n  username: deploy\n  password: {PW}\n  host: db.example.com", PW),
        ("camel case", f"clientSecret: '{drawn('cs', 24)}'", drawn("cs", 24)),
        ("query", f"GET /cb?user=1&password={PW}&next=/home", PW),
        ("ado", f"Server=db;User Id=sa;Password={PW};Encrypt=true", PW),
        ("pgpassword", f"PGPASSWORD={PW} psql -h db.example.com", PW),
        ("long option", f"mysqldump --password={PW} app", PW),
        ("long option, blank", f"tool --token {PW}", PW),
        ("curl user", "curl " + f"-u deploy:{PW} https://api.example.com/x", PW),
        ("mysql -p", f"mysql -h db -u root -p{PW} app", PW),
        ("netrc", f"machine api.heroku.com login me@example.com password {UUID}", UUID),
        ("postgres", f"postgres://u:{PW}@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1", PW),
        ("postgres, @ and / in it", f"postgresql://u:a/b@{PW}@db.example.com/d", f"a/b@{PW}"),
        ("redis", f"redis://:{PW}@ec2-1-2-3-4.compute-1.amazonaws.com:6379", PW),
        ("rediss", f"rediss://h:{PW}@ec2-1-2-3-4.compute-1.amazonaws.com:6380", PW),
        ("amqps", f"amqps://u:{PW}@rabbit.example.com/vhost", PW),
        (
            "mongodb",
            f"mongodb://u:{PW}@a.example.com:27017,b.example.com:27017/db?replicaSet=rs0",
            PW,
        ),
        ("mongodb+srv", f"mongodb+srv://u:{PW}@cluster0.example.net/db", PW),
        ("mysql", f"mysql2://u:{PW}@db.example.com/app?reconnect=true", PW),
        ("https", f"https://deploy:{PW}@git.example.com/app.git", PW),
        ("smtp", f"smtp://apikey:{PW}@smtp.example.com:587", PW),
        ("two in a line", f"a=postgres://u:{PW}@h/db,b=redis://:{PW}@h2", PW),
        ("heroku key", f"HRKU-{UUID}", UUID),
        ("heroku key, long", "HRKU-" + drawn("hk", 60), drawn("hk", 60)),
        ("heroku api key by name", f"HEROKU_API_KEY={UUID}", UUID),
        ("api key in prose", f"our api key: {UUID}", UUID),
        ("aws id", "AKIA" + drawn("ak", 16, UPPER + "234567"), drawn("ak", 16, UPPER + "234567")),
        ("aws secret", f"aws_secret_access_key = {KEY40}", KEY40),
        ("aws pair", "AKIA" + drawn("ak", 16, UPPER + "234567") + f" / {KEY40}", KEY40),
        ("rsa key", f"key:\n{_block('RSA ' + 'PRIVATE KEY')}\nend", drawn("RSA PRIVATE KEY1", 64)),
        ("openssh key", _block("OPENSSH " + "PRIVATE KEY"), drawn("OPENSSH PRIVATE KEY2", 64)),
        ("pgp key", _block("PGP " + "PRIVATE KEY BLOCK"), drawn("PGP PRIVATE KEY BLOCK3", 64)),
        ("key cut off", _block("EC " + "PRIVATE KEY")[:150], drawn("EC PRIVATE KEY0", 64)),
        ("bearer", f"Authorization: Bearer {drawn('b', 40)}", drawn("b", 40)),
        ("bearer alone", f"sent 'Bearer {drawn('b', 40)}'", drawn("b", 40)),
        ("basic", f"Authorization: Basic {drawn('bb', 28)}==", drawn("bb", 28)),
        ("authorization json", '"Authorization": "Token ' + drawn("at", 40) + '"', drawn("at", 40)),
        ("jwt", f"token was {jwt}", jwt),
        ("cookie", f"Cookie: _app_session={drawn('ck', 60)}; other=1", drawn("ck", 60)),
        (
            "slack token",
            "xox" + "b-" + drawn("sl", 11, DIGITS) + "-" + drawn("sl2", 24),
            drawn("sl2", 24),
        ),
        (
            "slack webhook",
            "https://hooks.slack.com/services/T0/B0/" + drawn("sw", 24),
            drawn("sw", 24),
        ),
        ("github", "gh" + "p_" + drawn("gh", 36), drawn("gh", 36)),
        ("github fine-grained", "github_" + "pat_" + drawn("gf", 82), drawn("gf", 82)),
        (
            "github in remote",
            "https://gh" + "s_" + drawn("gr", 36) + "@github.com/o/r",
            drawn("gr", 36),
        ),
        ("gitlab", "glp" + "at-" + drawn("gl", 20), drawn("gl", 20)),
        ("stripe", "sk_" + "live_" + drawn("st", 24), drawn("st", 24)),
        ("stripe webhook", "wh" + "sec_" + drawn("ws", 32), drawn("ws", 32)),
        ("sendgrid", "S" + "G." + drawn("sg", 22) + "." + drawn("sg2", 43), drawn("sg2", 43)),
        ("mailgun", "key" + "-" + drawn("mg", 32, HEX), drawn("mg", 32, HEX)),
        ("google", "AI" + "za" + drawn("go", 35), drawn("go", 35)),
        ("npm", "np" + "m_" + drawn("np", 36), drawn("np", 36)),
        ("twilio", "S" + "K" + drawn("tw", 32, HEX), drawn("tw", 32, HEX)),
        ("openai", "s" + "k-proj-" + drawn("oa", 48), drawn("oa", 48)),
        (
            "heroku config",
            f"=== myapp Config Vars\nLANG: en_US.UTF-8\nSECRET_KEY_BASE:   {drawn('skb', 128, HEX)}\nRACK_ENV: production",
            drawn("skb", 128, HEX),
        ),
        (
            "heroku config, blanks",
            "SMTP_PASSWORD:     correct horse battery",
            "correct horse battery",
        ),
        (
            "heroku config url",
            f"REDISCLOUD_URL:    redis://rediscloud:{PW}@redis-1.ec2.cloud.redislabs.com:1",
            PW,
        ),
        ("master key", f"export RAILS_MASTER_KEY={drawn('mk', 32, HEX)}", drawn("mk", 32, HEX)),
        ("env token", "CIRCLE_TOKEN=swordfish", "swordfish"),
        ("plain word in env", "ADMIN_PASS=swordfish", "swordfish"),
        ("rails secret", f"secret_key_base: {drawn('rs', 128, HEX)}", drawn("rs", 128, HEX)),
        ("dotenv quoted", f'API_SECRET="{PW}"', PW),
        (
            "presigned",
            "https://b.s3.amazonaws.com/k?X-Amz-Credential=a&X-Amz-Signature="
            + drawn("xs", 64, HEX),
            drawn("xs", 64, HEX),
        ),
        (
            "access token in a link",
            "https://api.example.com/me?access_token=" + drawn("al", 30),
            drawn("al", 30),
        ),
        ("card", "card 4111" + " 1111 1111 " + "1111 was charged", "1111 1111"),
        ("card, plain", "card: 5500" + "0000" + "0000" + "0004", "000000000004"),
        ("amex", "3782" + "-822463-" + "10005", "822463"),
        ("turkish letters before it", f"İİİİ password: {PW}", PW),
        ("emoji before it", f"🔥🔥 token={drawn('em', 30)}", drawn("em", 30)),
    ]


CLEAN = [
    "2024-05-01T12:00:00.123456+00:00 "
    + 'heroku[router]: at=error code=H12 desc="Request timeout" method=GET path="/" '
    f'host=myapp.herokuapp.com request_id={UUID} fwd="204.204.204.204" dyno=web.1 connect=0ms '
    "service=30000ms status=503 bytes=0 protocol=https",
    "2024-05-01T12:00:00+00:00 app[web.1]: Error R14 (Memory quota exceeded)",
    'app[web.2]: [8601b555-6a83-4c12-8269-97c8e32cdb22] Started GET "/users/sign_in" for 10.0.0.1 at 2024-05-01 12:00:00 +0000',
    'Parameters: {"authenticity_token"=>"[FILTERED]", "user"=>{"email"=>"a@example.com", "password"=>"[FILTERED]"}}',
    'PG::ConnectionBad: FATAL:  password authentication failed for user "u4sd3f"',
    'FATAL: password authentication failed for user "root"',
    "SyntaxError: Unexpected token < in JSON at position 0",
    "SyntaxError: Unexpected token: punc (})",
    "Unexpected token: identifier",
    "JsonWebTokenError: invalid token",
    "ActionController::InvalidAuthenticityToken (ActionController::InvalidAuthenticityToken):",
    "INVALID_TOKEN: The token has expired",
    "ArgumentError: `secret_key_base` for production environment must be a type of String`",
    "Missing encryption key to decrypt file with. Ask your team for your master key and write it to config/master.key or put it in the "
    "ENV['RAILS_MASTER_KEY'].",
    'ActiveRecord::RecordNotUnique: PG::UniqueViolation: ERROR: duplicate key value violates unique constraint "users_pkey" '
    "DETAIL: Key (id)=(81) already exists.",
    "PRIMARY_KEY: id_of_the_user_table",
    "cache_key: views/products/42-20240501120000000000",
    "the password is wrong",
    "The password is required.",
    "password: required",
    "Password: [FILTERED]",
    "password: ********",
    "password: your-password-here",
    "I changed my password yesterday and nothing works",
    "Please reset my password",
    "token: string",
    "def login(password: str, token: str) -> None:",
    "password = params[:password]",
    "pwd: /app",
    "PWD=/app",
    "token=$HEROKU_TOKEN",
    "API_KEY=${API_KEY}",
    "SECRET=<your secret>",
    "MAX_TOKENS=4096",
    "TOKEN_TTL: 3600",
    "SECRET_FILE=/run/secrets/x",
    "commit 5f2c1e0d9b8a7c6d5e4f3a2b1c0d9e8f7a6b5c4d",
    "Released v42 of 5f2c1e0",
    "sha256:" + "ab" * 32,
    '"integrity": "sha512-' + "aB3" * 28 + '=="',
    "ObjectId('507f1f77bcf86cd799439011')",
    "    at Object.verify (/app/node_modules/jsonwebtoken/verify.js:171:21)\n    at /app/src/auth/token.js:12:9",
    "/app/vendor/bundle/ruby/3.2.0/gems/devise-4.9.0/lib/devise/models/password.rb:22:in `valid_password?'",
    "![screen](data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==)",
    "postgres://ec2-1-2-3-4.compute-1.amazonaws.com:5432/d1",
    "https://help.example.com:8443/tickets?mail=a@example.com",
    "http://127.0.0.1:8000/x",
    "mailto:bot@notifications.example.com",
    "git@github.com:example/app.git",
    "order 1234567890123456 was not shipped",
    "trace 4716-2f",
    "epoch 1714564800123",
    "request 4111111111111112 failed",
    "http://localhost:3000/@user",
    'ETag: "33a64df551425fcc55e4d42a148795d9f25f89d4"',
    "H12 R14 L10 H10 on web.1 and worker.2",
    "curl -I https://myapp.example.com",
    "authorization failed for user 12",
    "Authorization required",
    "authorization: required",
    "key: value",
    "press any key: now",
    "Key: (1)",
    "i18n key: users.index.title",
    "secret santa: bring a gift",
    "The token is invalid",
    "token: expired",
    "It is a secret: nobody knows",
    "pass: 12, fail: 0",
    "20 examples, pass=20",
    "secret = portal.settings.secret",
    "if form.new_password == form.current_password:",
    "alerts_secret: SecretStr | None = None",
    'authorization = request.headers.get("authorization")',
    'f(access_token=row["access_token"])',
    "token = self.token",
]
"""What must stay exactly as it is: a ticket is solved by it."""
