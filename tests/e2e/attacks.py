"""Every attack we defend against, with the outcome it must have and the tests that make it.
`tests/contract/test_attacks.py` holds it.

A new attack gets its line here; a test that is renamed is renamed here too, or the contract test
says which one is gone.
"""

from __future__ import annotations

from typing import NamedTuple


class Attack(NamedTuple):
    """`tests` are `path::function` from the repository's root."""

    what: str
    outcome: str
    tests: tuple[str, ...]


def _at(path: str, *names: str) -> tuple[str, ...]:
    return tuple(f"tests/{path}::{name}" for name in names)


MAIL = (
    Attack(
        "a spoofed From with a real In-Reply-To",
        "quarantine, the ticket unchanged",
        _at("e2e/test_j03_mail.py", "test_a_reply_by_reference_needs_a_sender_who_is_vouched_for"),
    ),
    Attack(
        "an unverified urgent mail",
        "no page, and an acknowledgement without its text, until its sender confirms",
        _at(
            "e2e/test_j03_mail.py", "test_an_unverified_mail_pages_nobody_until_its_sender_confirms"
        ),
    ),
    Attack(
        "the reply address of A used by B",
        "quarantine",
        _at("e2e/test_j03_mail.py", "test_the_reply_address_of_one_is_no_good_to_another"),
    ),
    Attack(
        "the reply address of a provider that lost the ticket",
        "quarantine",
        _at("e2e/test_j07_by_mail.py", "test_a_provider_that_has_it_no_more_is_told_so"),
    ),
    Attack(
        "being in Cc",
        "no access",
        _at("e2e/test_j03_mail.py", "test_being_in_copy_gives_no_access"),
    ),
    Attack(
        "a site's verification code sent to the support address, or to a reply address",
        "staff only",
        (
            *_at(
                "e2e/test_attacks.py",
                "test_a_sites_code_sent_to_the_support_address_is_for_staff_alone",
            ),
            *_at("e2e/test_j03_mail.py", "test_a_sites_code_at_a_reply_address_is_for_staff_alone"),
        ),
    ),
    Attack(
        "foreign Authentication-Results, neighbours under a public suffix, partial and hostile signatures",
        "nobody is vouched for",
        _at(
            "unit/intake/mail/reading/test_authentication.py",
            "test_only_an_aligned_pass_vouches",
            "test_hostile_signatures_and_keys_verify_nothing",
            "test_ed25519",
        ),
    ),
    Attack(
        "headers put before, behind or within a DKIM-signed mail, any that we use, any spelling",
        "the mail means what its signer wrote, or nobody is vouched for",
        (
            *_at("e2e/test_attacks.py", "test_headers_put_before_a_signed_mail_speak_for_nobody"),
            *_at(
                "unit/intake/mail/reading/test_coverage.py",
                "test_no_header_that_is_added_has_an_effect_in_the_signers_name",
                "test_nor_any_spelling_of_one_at_any_place",
                "test_every_header_that_the_reader_uses_is_in_one_of_the_tables",
            ),
        ),
    ),
    Attack(
        "an address that a lossy comparison takes for somebody else's (Kelvin sign, full width)",
        "another person, and no account can be registered under it",
        (
            *_at(
                "unit/shared/test_folding.py",
                "test_nobody_counts_as_luke",
                "test_only_a_to_z_are_mapped",
                "test_an_ambiguous_address_is_not_registered",
                "test_a_domain_of_from_is_read_as_written_or_not_at_all",
            ),
            *_at("contract/test_folding.py", "test_only_one_function_maps_addresses"),
        ),
    ),
    Attack(
        "talk before the greeting, HTTP at the SMTP port, XCLIENT from a stranger",
        "turned away; nothing of it is mail",
        _at(
            "integration/intake/test_mail_peers.py",
            "test_who_speaks_before_the_greeting_is_turned_away",
            "test_http_ends_the_session_at_once",
            "test_a_client_of_ours_is_judged_by_its_own_address",
        ),
    ),
    Attack(
        "two senders, or one that a limit cuts",
        "a named trouble, nobody vouched for",
        _at(
            "unit/intake/mail/reading/test_hostile.py",
            "test_exactly_one_sender_or_a_named_trouble",
            "test_a_header_of_a_megabyte_cannot_hide_a_second_sender",
            "test_a_sender_that_the_limit_cuts_is_no_sender",
        ),
    ),
    Attack(
        "auto-replies that answer each other, our own mail coming back",
        "recorded, answered by nobody, nothing moves",
        _at(
            "e2e/test_j10_storm.py",
            "test_an_autoresponder_at_each_end",
            "test_our_own_notice_comes_back_and_our_address_in_copy",
        ),
    ),
    Attack(
        "1,000 tickets naming a victim",
        "at most one mail, no attacker's text",
        _at("e2e/test_j10_storm.py", "test_a_thousand_mails_that_name_a_victim"),
    ),
    Attack(
        "500 mails of one sender",
        "a ceiling; the others' mail goes on",
        _at("e2e/test_j10_storm.py", "test_five_hundred_mails_of_one_sender"),
    ),
    Attack(
        "a forged delivery report, by whoever takes part in the ticket",
        "kept, and stops nobody's mail",
        (
            *_at("e2e/test_j10_storm.py", "test_a_bounce_stops_mail_and_a_forged_one_does_not"),
            *_at(
                "e2e/test_attacks.py",
                "test_a_forged_report_of_an_assigned_provider_stops_nobodys_mail",
            ),
            *_at(
                "unit/intake/mail/test_bounces.py",
                "test_only_who_had_the_mail_knows_where_reports_about_it_go",
            ),
        ),
    ),
    Attack(
        "a complaint about our mail (RFC 5965)",
        "mail to that person stops, visibly",
        (
            *_at("e2e/test_j10_storm.py", "test_a_complaint_stops_mail"),
            *_at("unit/intake/mail/test_bounces.py", "test_what_complaint_stops_mail"),
        ),
    ),
    Attack(
        "a second message smuggled into a first",
        "one message",
        _at("e2e/test_attacks.py", "test_a_message_hides_no_second_one"),
    ),
    Attack(
        "relaying, and asking who exists",
        "550 for all alike",
        _at(
            "e2e/test_j10_storm.py", "test_the_listener_tells_nobody_who_exists_and_relays_nothing"
        ),
    ),
    Attack(
        "MIME bombs: a thousand parts, levels, a header of a megabyte, endless lines",
        "a ticket or a named cause; the listener goes on",
        (
            *_at(
                "unit/intake/mail/reading/test_hostile.py",
                "test_a_thousand_parts",
                "test_a_thousand_levels",
                "test_a_header_of_a_megabyte",
                "test_text_that_is_slow_to_match",
                "test_markup_that_is_slow_to_clean",
            ),
            *_at(
                "e2e/test_j10_storm.py",
                "test_broken_mail_becomes_a_ticket_or_has_a_named_cause",
                "test_thirty_megabytes_are_refused_and_the_listener_goes_on",
            ),
            *_at(
                "integration/intake/test_mail_children.py",
                "test_a_child_that_fails_is_replaced",
                "test_a_mail_that_takes_long_disturbs_no_other",
            ),
        ),
    ),
)

DOORS = (
    Attack(
        "deep JSON, NaN, 2^64, NUL, lone surrogates, duplicate keys, too long, no UTF-8",
        "4xx, nothing in Kafka",
        (
            *_at("e2e/test_security.py", "test_hostile_bodies_are_refused_and_none_is_in_the_log"),
            *_at(
                "unit/shared/test_strict_json.py",
                "test_any_bytes_are_an_object_or_a_refusal",
                "test_a_repeated_key_is_always_seen",
            ),
        ),
    ),
    Attack(
        '`{"$ne": 1}` in any field or parameter',
        "422",
        (
            *_at("unit/intake/test_operators.py", "test_an_operator_is_no_value"),
            *_at("e2e/test_security.py", "test_a_search_parameter_is_never_an_operator"),
        ),
    ),
    Attack(
        "CR LF anywhere",
        "one header, one log line",
        (
            *_at(
                "unit/notifier_courier/test_letter.py", "test_no_text_of_a_customer_makes_a_header"
            ),
            *_at(
                "unit/notifier_courier/test_naughty_mail.py",
                "test_one_subject_and_no_header_of_theirs",
            ),
            *_at(
                "unit/notifier/test_channels.py",
                "test_a_mail_has_the_key_as_its_message_id_and_no_second_header",
            ),
            *_at(
                "integration/test_whole_process.py",
                "test_whatever_is_logged_is_one_line_of_json",
            ),
            *_at(
                "e2e/test_security.py",
                "test_a_login_sends_nobody_elsewhere_and_one_header_stays_one",
            ),
        ),
    ),
    Attack(
        "a form of another site",
        "403",
        _at("e2e/test_security.py", "test_a_form_of_another_site_does_nothing"),
    ),
    Attack(
        "a monitor's webhook with a bad signature, or stale",
        "401",
        _at("unit/intake/test_alert_door.py", "test_a_signature_that_is_not_good_is_401"),
    ),
    Attack(
        "the same, replayed",
        "no effect",
        _at(
            "unit/intake/test_alert_door.py",
            "test_a_replay_asks_for_nothing_new_whatever_key_it_is_sent_under",
        ),
    ),
    Attack(
        "a phone gateway's call with a bad signature, changed, or replayed",
        "401; no effect",
        _at(
            "unit/intake/test_phone.py",
            "test_whoever_is_not_twilio_is_refused",
            "test_a_form_that_was_changed_is_refused",
            "test_a_repeat_of_the_message_is_the_same_request",
            "test_a_token_for_another_page_presses_nothing",
        ),
    ),
    Attack(
        "using up the rate of whoever has to acknowledge",
        "only strangers wait",
        (
            *_at(
                "unit/intake/test_phone.py",
                "test_strangers_use_up_nothing_of_what_acknowledgements_need",
            ),
            *_at(
                "unit/intake/test_alert_door.py",
                "test_strangers_do_not_use_up_what_the_monitor_may_send",
            ),
        ),
    ),
    Attack(
        "a signed link that is changed, expired, or for something else",
        "401, or gone",
        (
            *_at(
                "unit/notifier/test_links.py",
                "test_no_character_of_it_can_be_changed",
                "test_it_counts_for_nothing_else",
            ),
            *_at(
                "unit/intake/test_http.py", "test_a_signed_link_acknowledges_its_page_and_no_other"
            ),
        ),
    ),
    Attack(
        "subscribing a victim again and again",
        "one mail",
        _at("e2e/test_attacks.py", "test_a_stranger_who_subscribes_a_victim_sends_them_one_mail"),
    ),
    Attack(
        "a flood of one account",
        "429 for it alone; its emergencies still come through",
        _at(
            "unit/intake/test_http.py",
            "test_one_account_cannot_take_all",
            "test_who_has_used_up_the_rate_can_still_have_an_emergency",
        ),
    ),
    Attack(
        "naughty strings and scripts in every field",
        "no script runs",
        _at(
            "e2e/browser/test_naughty.py",
            "test_tickets_show_what_was_written",
            "test_other_screens_stay_calm",
        ),
    ),
    Attack(
        "an SVG or HTML file",
        "a download, nosniff",
        _at("integration/portal/test_attachments.py", "test_it_is_a_download_and_nothing_else"),
    ),
    Attack(
        "somebody else's file",
        "404",
        _at("integration/portal/test_attachments.py", "test_as_the_ticket_allows"),
    ),
    Attack(
        "any input at all, against the live OpenAPI",
        "no 5xx",
        _at(
            "e2e/test_schemathesis.py",
            "test_every_call_of_intake_answers_what_it_says",
            "test_every_call_of_the_portal_answers_what_it_says",
        ),
    ),
)

IDENTITY = (
    Attack(
        "role × object × verb",
        "only the listed cells are 2xx",
        _at("e2e/test_role_matrix.py", "test_only_the_listed_cells_succeed"),
    ),
    Attack(
        "a provider after unassignment",
        "404 at once everywhere",
        (
            *_at("e2e/test_attacks.py", "test_a_provider_that_lost_a_ticket_reaches_nothing_of_it"),
            *_at(
                "integration/portal/test_attachments.py",
                "test_a_provider_whose_ticket_was_taken_away_sees_nothing_at_once",
            ),
        ),
    ),
    Attack(
        "a share link: looked at, revoked, expired, forged",
        "GET never joins; gone",
        _at(
            "e2e/test_j09_sharing.py",
            "test_by_the_page_looking_adds_nobody_and_a_visitor_logs_in_first",
            "test_ended_expired_and_forged_links_are_gone",
        ),
    ),
    Attack(
        "password guessing",
        "throttled, the owner not locked out",
        (
            *_at(
                "integration/portal/test_sessions.py",
                "test_guessing_is_throttled_and_a_session_goes_on",
                "test_an_unknown_address_is_answered_like_a_wrong_password",
            ),
            *_at(
                "unit/portal/test_tries.py",
                "test_one_address_gets_few_guesses_and_the_owner_elsewhere_gets_in",
                "test_many_addresses_share_what_one_account_is_tried",
            ),
        ),
    ),
    Attack(
        "asking for new passwords to learn who has an account, or to fill a mailbox",
        "the same answer and the same work for every address; 429 after five an hour",
        (
            *_at(
                "unit/intake/test_forgotten.py",
                "test_an_unknown_address_is_answered_and_written_down_alike",
                "test_strangers_cannot_fill_the_directory",
                "test_whoever_asks_too_often_is_told_to_wait_whoever_it_is",
            ),
            *_at("e2e/test_account_links.py", "test_by_mail_into_the_desk_and_back_into_it"),
        ),
    ),
    Attack(
        "a link by mail that is forged, used, over, or another's",
        "403, and nothing is recorded",
        (
            *_at(
                "unit/intake/test_forgotten.py",
                "test_no_other_link_sets_a_password",
                "test_the_link_sets_a_password_once",
                "test_a_link_ends_when_the_password_is_changed_by_other_means",
            ),
            *_at(
                "unit/intake/test_invitations.py",
                "test_no_other_link_makes_an_account",
                "test_renewing_ends_the_link_before_and_withdrawing_the_last",
            ),
        ),
    ),
    Attack(
        "a stolen password where a second step is on: codes guessed, used twice, gone around",
        "nobody gets in",
        (
            *_at(
                "integration/portal/test_sessions.py",
                "test_a_password_alone_does_not_do_where_a_second_step_is_on",
            ),
            *_at(
                "unit/portal/test_second_step.py",
                "test_a_code_counts_once",
                "test_few_codes_an_hour_and_a_known_browser_is_counted_alone",
                "test_a_second_step_that_cannot_be_read_lets_nobody_in",
            ),
            *_at("unit/intake/test_second_step.py", "test_a_recovery_code_counts_once"),
        ),
    ),
    Attack(
        "a role that one gives oneself as if a group at the provider gave it",
        "403",
        _at("unit/intake/test_provider_roles.py", "test_nobody_gives_themselves_a_role"),
    ),
    Attack(
        "a session given, or an answer of the login provider that is another's or used",
        "nobody comes in",
        (
            *_at("integration/portal/test_sessions.py", "test_a_login_takes_no_cookie_it_is_given"),
            *_at(
                "integration/portal/test_sign_in.py",
                "test_what_is_wrong_lets_nobody_in",
                "test_an_answer_counts_once_and_for_the_browser_that_asked",
            ),
        ),
    ),
    Attack(
        "a token that is revoked, expired, or makes one that may more",
        "401; refused",
        _at(
            "unit/intake/test_tokens.py",
            "test_a_revoked_token_does_not_come_back_under_its_key",
            "test_an_expired_token_opens_nothing",
            "test_a_token_makes_none_that_may_more_or_lives_longer",
        ),
    ),
    Attack(
        "a token that makes itself children before it is revoked",
        "they end with it",
        (
            *_at(
                "unit/intake/test_ended_accounts.py",
                "test_what_a_token_made_ends_with_it_however_far_down",
                "test_an_admins_token_that_made_somebody_elses_takes_it_along",
                "test_a_chain_of_tokens_has_an_end",
            ),
            *_at(
                "unit/shared/test_identity.py",
                "test_a_token_is_as_good_as_every_token_it_comes_from",
            ),
        ),
    ),
    Attack(
        "a calendar's address that was passed on, or is of an earlier account",
        "404 from the moment its owner renews it",
        (
            *_at(
                "unit/portal/test_rota_feed.py",
                "test_renewing_ends_every_address_made_before",
                "test_whoever_gets_the_address_later_gets_no_feed_of_before",
                "test_no_token_is_read_that_we_did_not_sign",
            ),
            *_at(
                "unit/intake/test_ended_accounts.py",
                "test_calendar_addresses_are_renewed_by_their_owner_and_by_nobody_for_them",
            ),
        ),
    ),
    Attack(
        "a cookie planted by a neighbour under the same domain",
        "it counts for nothing",
        _at(
            "unit/portal/test_cookies.py",
            "test_what_counts",
            "test_what_a_browser_demands_of_the_prefix",
            "test_no_other_module_gives_out_a_cookie_that_counts",
        ),
    ),
    Attack(
        "the health port of a worker held open, or sent much",
        "it answers its monitors",
        _at(
            "unit/shared/test_health.py",
            "test_idle_connections_make_room_and_are_ended",
            "test_slow_and_large_headers_are_ended",
            "test_a_body_is_not_kept",
        ),
    ),
    Attack(
        "a file, with a virus scanner that fails or talks nonsense",
        "taken, marked unscanned, and operators are told once",
        _at(
            "unit/intake/test_attachments.py",
            "test_a_scanner_refuses_or_is_missed",
            "test_a_scanner_that_talks_nonsense_has_scanned_nothing",
            "test_operators_get_one_notice_for_each_episode",
        ),
    ),
    Attack(
        "a path that climbs out of what is passed on to intake",
        "404, and nothing of intake",
        (
            *_at(
                "unit/portal/test_inner_path.py",
                "test_the_inner_path_stays_below_its_prefix_and_means_one_thing",
                "test_a_path_with_two_readings_is_nothing",
            ),
            *_at(
                "contract/test_every_answer.py",
                "test_a_path_that_climbs_reaches_nothing_of_intake",
            ),
        ),
    ),
    Attack(
        "an answer made beside the pages, in which a browser runs or keeps what it should not",
        "the same headers on every answer; nothing of another host",
        _at(
            "contract/test_every_answer.py",
            "test_every_path_of_every_application",
            "test_what_is_passed_on",
            "test_what_is_made_beside_the_pages",
            "test_no_file_of_the_portal_loads_from_another_host",
            "test_no_page_loads_from_another_host",
        ),
    ),
    Attack(
        "the password, tokens or sessions of a removed account whose address comes back",
        "nothing",
        (
            *_at(
                "unit/intake/test_ended_accounts.py",
                "test_what_an_account_had_ends_with_it_and_does_not_come_back",
            ),
            *_at(
                "integration/portal/test_sessions.py",
                "test_an_account_made_anew_begins_with_nothing_of_the_one_before",
            ),
        ),
    ),
    Attack(
        "urgent without entitlement",
        "no page, said so",
        _at("e2e/test_j04_urgent.py", "test_who_is_not_entitled_wakes_nobody"),
    ),
    Attack(
        "50 urgents of one customer, and a storm that is one outage",
        "the first pages, the rest join; another customer's pages in time",
        (
            *_at(
                "chaos/test_urgent_in_time.py",
                "test_a_storm_that_is_one_outage_makes_few_pages_and_hides_no_other_emergency",
            ),
            *_at(
                "unit/intake/test_direct.py",
                "test_the_first_of_a_lane_pages_and_the_others_join_until_somebody_acknowledges",
            ),
        ),
    ),
)

HOUSE = (
    Attack(
        "the costliest texts of one account, as many as its rate allows",
        "another's urgent in time, ordinary tickets by turns, the account soon told to wait",
        (
            *_at(
                "unit/intake/test_turns.py",
                "test_a_flood_of_costly_texts_keeps_no_emergency_waiting",
                "test_the_account_that_used_least_is_next",
                "test_work_is_charged_by_what_it_took",
            ),
            *_at("unit/text/test_cost.py", "test_a_text_twice_as_long_costs_twice_as_much"),
            *_at(
                "chaos/test_costly_texts.py",
                "test_a_flood_of_costly_texts_delays_nobodys_emergency",
            ),
        ),
    ),
    Attack(
        "secrets in texts, files and mails",
        "masked in topics, views, mail, webhooks, logs and on disk",
        (
            *_at(
                "e2e/test_secrets.py",
                "test_through_the_api",
                "test_through_the_web",
                "test_through_files_and_mail",
            ),
            *_at("unit/intake/test_file_secrets.py", "test_in_a_large_log_wherever_it_stands"),
            *_at(
                "unit/intake/mail/test_masked.py",
                "test_the_secret_goes_and_the_message_still_reads",
            ),
            *_at("unit/intake/test_alert_door.py", "test_secrets_in_an_alert_are_masked"),
        ),
    ),
    Attack(
        "a webhook to loopback, private, metadata, v4-mapped, decimal, rebinding, redirect",
        "no connection",
        _at(
            "unit/notifier/test_channels.py",
            "test_which_addresses_are_public",
            "test_however_it_is_written_our_own_network_is_not_reached",
            "test_a_webhook_is_sent_once_and_its_answer_told",
        ),
    ),
    Attack(
        "a port scan",
        "declared listeners, on this machine",
        _at("e2e/test_security.py", "test_only_declared_ports_listen_and_only_on_this_machine"),
    ),
    Attack(
        "another user of the machine at the embedded Kafka's or MongoDB's port",
        "refused: both want a password; the data folder is closed to others",
        (
            *_at(
                "integration/test_embedded_kafka.py",
                "test_only_who_has_the_secret_is_let_in_and_old_folders_and_secrets_go_on",
            ),
            *_at(
                "integration/test_embedded_mongod.py",
                "test_only_who_has_the_secret_reads_and_old_folders_and_secrets_go_on",
            ),
            *_at(
                "unit/cli/test_launch.py",
                "test_the_data_folder_and_all_that_is_made_in_it_are_private",
            ),
        ),
    ),
    Attack(
        "a process that was taken over, reading others' secrets or topics",
        "it was given what it reads, and no more",
        (
            *_at(
                "contract/test_deployment.py",
                "test_a_pod_gets_the_secrets_that_its_process_reads_and_no_other",
            ),
            *_at(
                "integration/test_secured_kafka.py",
                "test_every_process_works_with_what_it_is_granted_and_asks_for_no_more",
            ),
        ),
    ),
    Attack(
        "erasing a person",
        "no plaintext left, rebuild still works",
        _at(
            "integration/test_erase.py",
            "test_nothing_is_left_of_a_person_and_everything_else_goes_on",
        ),
    ),
    Attack(
        "a page in the log that nobody decided on",
        "named",
        _at(
            "integration/test_proof.py", "test_verify_names_a_page_that_is_doubled_under_a_new_seq"
        ),
    ),
    Attack(
        "a changed package hash",
        "the install fails",
        _at("integration/test_package_hashes.py", "test_a_changed_hash_fails_the_install"),
    ),
)

EDGE = (
    Attack(
        "slow headers, dripping bodies, idle connections, answers nobody reads",
        "each ends in its time; the newest connection is served",
        (
            *_at(
                "unit/shared/test_edge.py",
                "test_who_waits_too_long_is_sent_away",
                "test_a_dripping_client_gains_no_time",
                "test_who_reads_nothing_is_sent_away",
                "test_the_longest_idle_makes_room_for_the_newest_of_its_peer",
                "test_dripping_bodies_keep_nobody_of_their_peer_out",
                "test_strangers_together_hold_no_more_than_there_are",
            ),
            *_at(
                "chaos/test_strangers.py",
                "test_strangers_keep_neither_the_status_page_nor_an_urgent_out",
            ),
        ),
    ),
    Attack(
        "headers, trailers or requests without end on one connection",
        "431 or 400, bounded memory",
        _at(
            "unit/shared/test_edge.py",
            "test_long_headers_are_refused",
            "test_trailers_without_end_are_refused",
            "test_requests_piled_up_on_one_connection_are_bounded",
        ),
    ),
    Attack(
        "many large bodies by nobody",
        "401 before a byte is kept, the connection closed",
        _at(
            "unit/portal/test_passing.py",
            "test_a_strangers_body_is_not_read",
            "test_forty_large_bodies_of_nobody_cost_no_memory",
        ),
    ),
    Attack(
        "many large mails at the same time, and sessions without end",
        "452 for now, 421",
        (
            *_at(
                "unit/intake/mail/test_session.py",
                "test_where_too_much_comes_a_message_is_for_later",
            ),
            *_at("integration/intake/test_mail.py", "test_a_session_ends_whatever_is_sent_in_it"),
        ),
    ),
    Attack(
        "dripping uploads",
        "others' files are taken",
        _at("unit/intake/test_attachments.py", "test_dripping_files_hold_up_nobody_else"),
    ),
    Attack(
        "subscriptions for strangers' addresses",
        "429 for that client alone; unconfirmed wishes are removed",
        _at(
            "unit/intake/test_wishes.py",
            "test_one_stranger_uses_up_nobody_elses_allowance",
            "test_a_stranger_does_not_keep_an_address_from_its_owner",
            "test_the_documents_of_old_wishes_are_removed",
        ),
    ),
)

ATTACKS = (*MAIL, *DOORS, *IDENTITY, *HOUSE, *EDGE)
