"""The manifests for Kubernetes, checked against its published schemas, each other and the
program."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from glyphd.cli import main
from glyphd.setting_files import ENDING
from glyphd.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy/kubernetes"
OLDEST, NEWEST = "1.27", kubernetes_validate.latest_version()
FILES = sorted(FOLDER.glob("*.yaml"))


def _objects(*kinds: str) -> list[dict[str, Any]]:
    found = [one for file in FILES for one in yaml.safe_load_all(file.read_text())]
    return [one for one in found if not kinds or one["kind"] in kinds]


def _pods() -> dict[str, dict[str, Any]]:
    """The specs of the pods, by the name of the object that creates them."""
    return {
        one["metadata"]["name"]: one["spec"]["template"]["spec"]
        for one in _objects("Deployment", "Job")
    }


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_object_is_what_the_schema_says(file: Path, version: str) -> None:
    for one in yaml.safe_load_all(file.read_text()):
        kubernetes_validate.validate(one, version, strict=True)


def test_the_schema_refuses_what_there_is_not() -> None:
    (service,) = _objects("Service")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service | {"specs": {}}, NEWEST, strict=True)


def test_there_is_everything_that_a_deployment_needs() -> None:
    assert {one["kind"] for one in _objects()} == {
        "ConfigMap",
        "Deployment",
        "HorizontalPodAutoscaler",
        "Job",
        "PodDisruptionBudget",
        "Secret",
        "Service",
    }


def test_every_setting_is_one() -> None:
    (config,) = _objects("ConfigMap")
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    given = {name.removesuffix(ENDING) for name in config["data"] if name.startswith(PREFIX)}
    assert given - known == set()


def test_every_secret_is_there() -> None:
    (secret,), (config,) = _objects("Secret"), _objects("ConfigMap")
    files = [value for name, value in config["data"].items() if name.endswith(ENDING)]
    keys = {
        variable["valueFrom"]["secretKeyRef"]["key"]
        for pod in _pods().values()
        for container in pod["containers"]
        for variable in container["env"]
    }
    assert {Path(file).name for file in files} | keys == secret["stringData"].keys()
    for pod in _pods().values():
        (mount,) = (one for one in pod["containers"][0]["volumeMounts"] if one["name"] == "secrets")
        assert {str(Path(file).parent) for file in files} == {mount["mountPath"]}


@pytest.mark.parametrize("kind", ["PodDisruptionBudget", "Service"])
def test_selectors_find_their_pods(kind: str) -> None:
    labels = [
        one["spec"]["template"]["metadata"]["labels"].items() for one in _objects("Deployment")
    ]
    for one in _objects(kind):
        selector = one["spec"]["selector"]
        wanted = selector.get("matchLabels", selector).items()
        assert sum(wanted <= found for found in labels) == 1


def test_the_autoscaler_scales_workers_by_a_metric_that_there_is() -> None:
    (scaler,) = _objects("HorizontalPodAutoscaler")
    assert scaler["spec"]["scaleTargetRef"]["name"] == "glyphd-worker"
    assert "replicas" not in next(
        one["spec"] for one in _objects("Deployment") if one["metadata"]["name"] == "glyphd-worker"
    )
    (metric,) = scaler["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    assert re.search(
        rf"^\| `{name}` \| `status` ", (ROOT / "docs/METRICS.md").read_text(), re.MULTILINE
    )


def test_every_command_is_one() -> None:
    for pod in _pods().values():
        (container,) = pod["containers"]
        command = container["args"]
        result = CliRunner().invoke(main, [command[0], "--help"])
        assert result.exit_code == 0
        assert all(word in result.output for word in command if word.startswith("--"))


def test_no_pod_may_do_more_than_it_needs() -> None:
    for pod in _pods().values():
        assert pod["securityContext"]["runAsNonRoot"]
        assert not pod["automountServiceAccountToken"]
        for container in pod["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]


def test_a_pod_has_more_time_to_stop_than_its_process_takes() -> None:
    grace = Settings.model_fields["grace_seconds"].default
    for name, pod in _pods().items():
        if name != "glyphd-migrate":
            assert pod["terminationGracePeriodSeconds"] > grace + 5
