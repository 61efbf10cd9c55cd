"""The desk policy as a YAML or JSON file, for commands that decide without a running system."""

from __future__ import annotations

from pathlib import Path

import typer
import yaml
from pydantic import ValidationError

from shared.policy import DeskPolicy

DEFAULT = Path(__file__).parents[1] / "deploy" / "policies" / "default.yaml"


def desk_policy(path: Path) -> DeskPolicy:
    """The policy in `path`. Ends the command with what is wrong where it cannot be used."""
    try:
        return DeskPolicy.model_validate(yaml.safe_load(path.read_text()))
    except (OSError, yaml.YAMLError) as error:
        raise typer.BadParameter(f"{path.name} cannot be read: {error}", param_hint="--policy") from error
    except ValidationError as error:
        raise typer.BadParameter(f"{path.name} is no policy: {error}", param_hint="--policy") from error
