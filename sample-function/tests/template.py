"""The template, as it is written, and as AWS's SAM translates it for one environment."""

import copy
import zipfile
from pathlib import Path

from samtranslator.public.translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

SAMPLE = Path(__file__).parent.parent
PATH = SAMPLE / "template.yaml"
BUCKET = "packages"

# What is local in the template, and goes to a bucket before it is deployed, as `sam package` does.
LOCAL = {
    "Function": ("CodeUri", "function.zip"),
    "RotationFunction": ("CodeUri", "rotation.zip"),
    "LarderLayer": ("ContentUri", "layer.zip"),
}


def written(text=None):
    """Return the template as a dictionary, with every intrinsic function in its long form."""
    return yaml_parse(PATH.read_text() if text is None else text)


def translated(template, environment="prod", **parameters):
    """Return what SAM makes of a template; the parameters are only looked at, and stay references in it."""
    template = copy.deepcopy(template)
    for name, (key, file) in LOCAL.items():
        if name in template["Resources"]:
            template["Resources"][name]["Properties"][key] = f"s3://{BUCKET}/{file}"
    return transform(template, {"Environment": environment} | parameters, _NoPolicies())


class _NoPolicies(ManagedPolicyLoader):
    """SAM looks up AWS's managed policies by name, and the template names none."""

    def __init__(self):
        super().__init__(iam_client=None)

    def load(self):
        return {}


def folder_zip(folder, target):
    """Pack a folder as `sam package` does, and return the archive."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                archive.write(file, file.relative_to(folder))
    return target
