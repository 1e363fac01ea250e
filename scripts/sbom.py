"""The bill of materials of a release, CycloneDX 1.6 in JSON: `python -m scripts.sbom dist/*.whl`.

It names the wheel with its hash, every distribution that the wheel runs with, and which needs which.
The versions are those installed here, which the release takes from requirements/locked.txt.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from packaging.utils import parse_wheel_filename

from scripts.licences import licence
from scripts.runtime import needs, roots, runtime

Json = dict[str, Any]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m scripts.sbom WHEEL", file=sys.stderr)
        return 2
    print(json.dumps(sbom(Path(arguments[0]), runtime()), indent=2))
    return 0


def sbom(wheel: Path, parts: Mapping[str, Distribution]) -> Json:
    """The same for the same wheel and the same parts: it holds no time and nothing by chance."""
    own, components = _own(wheel), [_component(name, part) for name, part in parts.items()]
    references = {name: component["bom-ref"] for name, component in zip(parts, components, strict=True)}
    tree = [_edge(own["bom-ref"], {name for name, _ in roots()}, references)]
    tree += [
        _edge(references[name], {needed for needed, _ in needs(part)}, references)
        for name, part in parts.items()
    ]
    content = {
        "metadata": {
            "component": own,
            "tools": {"components": [{"type": "application", "name": "scripts/sbom.py"}]},
        },
        "components": components,
        "dependencies": tree,
    }
    serial = uuid5(NAMESPACE_URL, json.dumps(content, sort_keys=True))
    head = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
    }
    return head | content


def _own(wheel: Path) -> Json:
    name, version, _, _ = parse_wheel_filename(wheel.name)
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return {
        **_identity("application", name, str(version)),
        "licenses": [{"license": {"id": "MIT"}}],
        "hashes": [{"alg": "SHA-256", "content": digest}],
    }


def _component(name: str, part: Distribution) -> Json:
    return {**_identity("library", name, part.version), "licenses": [{"expression": licence(part)}]}


def _identity(kind: str, name: str, version: str) -> Json:
    purl = f"pkg:pypi/{name}@{version}"
    return {"type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl}


def _edge(reference: str, needed: set[str], references: Mapping[str, str]) -> Json:
    # what a distribution needs for an extra that nobody asks for is no part
    return {"ref": reference, "dependsOn": sorted(references[name] for name in needed & references.keys())}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
