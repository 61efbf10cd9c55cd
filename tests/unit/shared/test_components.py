"""The policy document `components`."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from deploy.demo.directory import documents, policies
from shared.policy import COMPONENTS, ComponentsPolicy


def test_the_published_list_has_one_for_each_provider_of_the_demo() -> None:
    policy = ComponentsPolicy.model_validate(policies()[COMPONENTS])
    providers = {document.id for document in documents() if document.kind == "providers"}
    assert {component.addon for component in policy.components if component.addon} == providers
    assert [component.id for component in policy.of_addon("redisco")] == ["redisco"]


def test_a_component_is_named_by_its_id_or_its_name() -> None:
    policy = ComponentsPolicy.model_validate(policies()[COMPONENTS])
    assert policy.find("routing") == policy.find(" Routing ") is not None
    assert policy.find("api") == policy.find("API") is not None
    assert policy.find("nothing") is None


@pytest.mark.parametrize(
    "listed",
    [
        [{"id": "a", "name": "A"}, {"id": "a", "name": "B"}],
        [{"id": "a", "name": "A"}, {"id": "b", "name": "a"}],
        [{"id": "A b", "name": "A"}],
    ],
)
def test_components_are_told_apart(listed: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError):
        ComponentsPolicy.model_validate({"components": listed})
