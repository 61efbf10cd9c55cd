"""What the desk, its queues and the plans are called, by form: a draft of the policy `brand`."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.portal.admin.page import draw
from services.portal.admin.policies.documents import text_of
from services.portal.admin.policies.pages import draft, read
from services.portal.web.form_body import fields_of
from services.portal.web.visitors import Admin, Drawn, Parts
from shared.events import Plan
from shared.policy import BRAND, BrandPolicy

HERE = "/admin/policies/brand/form"

router = APIRouter(include_in_schema=False)


@router.get(HERE)
async def form(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    # From intake and not from memory: a change is made of the newest version.
    newest = await read(actor, portal, BRAND)
    known = BrandPolicy.model_validate(newest["document"], extra="ignore") if newest else None
    brand = known or BrandPolicy()
    values = {"desk": brand.desk, "architects": brand.architects}
    values |= {f"plan.{plan}": words for plan, words in brand.plan_words.items()}
    return draw(
        screens,
        request,
        "admin_brand.html",
        actor,
        "policies",
        values=values,
        plans=[plan.value for plan in Plan],
        made_of=newest["version"] if newest else "",
    )


@router.post(HERE)
async def work_on(request: Request, actor: Admin, portal: Parts, screens: Drawn) -> Response:
    fields = await fields_of(request, portal.settings.max_body)
    plans = {plan.value: fields.get(f"plan.{plan}", "").strip() for plan in Plan}
    document = {
        "desk": fields.get("desk", "").strip(),
        "architects": fields.get("architects", "").strip(),
        # A plan without words keeps its own name.
        "plans": {plan: words for plan, words in plans.items() if words},
    }
    return await draft(
        request,
        actor,
        portal,
        screens,
        BRAND,
        text=text_of(document),
        made_of=fields.get("made_of", ""),
        note="names",
        # Checked as a draft first: nothing of a form is published at once.
        does="check",
    )
