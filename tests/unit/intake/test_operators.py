"""No field of any form takes an object where a value belongs: `{"$ne": 1}` must never reach a
database as an operator.
"""

from typing import Any

import pytest

from services.intake.bodies import describe_bodies
from services.intake.forms import Form, fill
from services.intake.policies.check import MODELS
from shared.errors import Refused

FORMS = [form for form in describe_bodies()[0] if form not in MODELS.values()]
FIELDS = [(form, name) for form in FORMS for name in form.model_fields]
OPERATORS: list[Any] = [{"$ne": 1}, {"$gt": ""}, [{"$ne": 1}], {"$where": "1"}]


@pytest.mark.parametrize(
    ("form", "field"), FIELDS, ids=[f"{form.__name__}.{name}" for form, name in FIELDS]
)
def test_an_operator_is_no_value(form: type[Form], field: str) -> None:
    for operator in OPERATORS:
        with pytest.raises(Refused) as refusal:
            fill(form, {field: operator})
        assert (refusal.value.code, refusal.value.status) == ("invalid", 422)
        errors = refusal.value.extra["errors"]
        assert isinstance(errors, list)
        assert any(str(error["pointer"]).split("/")[1:2] == [field] for error in errors), (
            operator,
            errors,
        )


def test_there_are_forms_to_try() -> None:
    assert len(FORMS) > 20
