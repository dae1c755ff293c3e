"""Modules of the users' own: what they declare is there like ours, and a broken one takes nothing down."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from feature_repo import extensions as module
from feature_repo.catalogues import DomainError, require_domains
from feature_repo.extensions import SETTING, extensions
from feature_repo.services import SERVICES
from feature_repo.views import SNAPSHOT_VIEWS, VIEWS
from training.models import MODELS, model_names, spec_of

RESALE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "resale.py"
OURS = ("move_probability", "transaction_type", "contact_timing", "property_value")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch):
    """Load extensions for the length of a test."""

    def load(*names: Any):
        monkeypatch.setenv(SETTING, ",".join(map(str, names)))
        monkeypatch.setattr(module._state, "loaded", None)
        return extensions()

    yield load
    module._state.loaded = None


def written(folder: Path, text: str, name: str = "own.py") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def test_what_one_file_declares_is_there_like_ours(loaded):
    (extension,) = loaded(RESALE)
    assert extension.fault == ""
    assert model_names() == (*OURS, "resale")
    assert [service.name for service in SERVICES][-1] == "resale_v1"
    assert spec_of("resale").service == "resale_v1"


def test_without_the_setting_there_is_nothing_but_ours(loaded):
    assert loaded() == ()
    assert model_names() == OURS


def test_a_module_is_found_by_its_name(loaded, tmp_path, monkeypatch):
    written(tmp_path, RESALE.read_text(), "resale_of_a_package.py")
    monkeypatch.syspath_prepend(tmp_path)
    (extension,) = loaded("resale_of_a_package")
    assert (extension.fault, model_names()[-1]) == ("", "resale")


OUR_MODEL = "from dataclasses import replace\nfrom training.models.property_value import SPEC"
OWN_VIEW = """
from feast import Entity, FeatureView, Field, ValueType
from feast.types import Float64, Int32, Int64
from feature_repo.cadence import Cadence
from feature_repo.fields import feature
MACHINE = Entity(name="machine", join_keys=["machine_id"], value_type=ValueType.%s)
RUNS = feature("runs", Float64, "runs of a day", unit="runs")
TAGS = {**Cadence("daily", lag_hours=3).tags, "domain": "d"}
VIEWS = (FeatureView(name="v", entities=[MACHINE], tags=TAGS, schema=[%s]),)
"""
BROKEN = {
    "raise RuntimeError('no licence')": "cannot be imported: RuntimeError: no licence",
    "import nowhere_to_be_found": "cannot be imported: ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    "MODEL = ()": "declares nothing: expected one of ENTITIES, VIEWS, SERVICES",
    "MODELS = 3": "MODELS: expected a tuple, found int",
    "MODELS = ('resale',)": "MODELS: expected a ModelSpec, found str",
    "from training.models.move_probability import SPEC\nMODELS = (SPEC,)": "there is a model 'move_probability' already",
    "from feast import FeatureService\nSERVICES = (FeatureService(name='s', features=[]),)": "'s' names no domain",
    "from feast import FeatureView\nVIEWS = (FeatureView(name='v', tags={'domain': 'd'}),)": "'v' states no cadence",
    "import sys\nsys.exit('no licence')": "cannot be imported: SystemExit: no licence",
    f"{OUR_MODEL}\nMODELS = (replace(SPEC, name='property-value'),)": "'property-value' can be no model's name",
    f"{OUR_MODEL}\nMODELS = (replace(SPEC, name='batch'),)": "'batch' can be no model's name",
    "from training.tasks.binary import Binary\nclass Own(Binary):\n    name = 'own'\nTASKS = (Own(),)": (
        "nothing says how models of the task 'own' answer"
    ),
    "RULES = ()": "RULES: expected a mapping, found tuple",
    "RULES = {'property': 5}": "RULES: expected a tuple of rules for each view, found none for property",
    "from dataclasses import replace\nfrom training.models.move_probability import SPEC\n"
    "MODELS = (replace(SPEC, name='other', service='gone_v1'),)": "reads the service 'gone_v1', which nobody declares",
    "from feast import Entity, ValueType\n"
    "ENTITIES = (Entity(name='machine', join_keys=['machine_id'], value_type=ValueType.INT32),)": (
        "ENTITIES: entity 'machine': expected a key of type int64 or string, found int32"
    ),
    OWN_VIEW % ("INT32", "Field(name='machine_id', dtype=Int32), RUNS"): (
        "VIEWS: 'v': entity machine: expected the key machine_id of type int64 or string, found int32"
    ),
    OWN_VIEW % ("INT32", "RUNS"): (
        "VIEWS: 'v': expected the key of each of its entities (machine) as a field of its schema, found none"
    ),
    f"{OUR_MODEL}\nfrom feature_repo.entities import REGION\n"
    "MODELS = (replace(SPEC, name='other', keys=(*SPEC.keys, REGION)),)": (
        "MODELS: 'other': each request gives the key region_id, and the view location of its service "
        "property_value_v2 has a feature region_id"
    ),
}


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_one_is_left_out_as_a_whole_and_named(loaded, tmp_path, text, caplog):
    file = written(tmp_path, text)
    with caplog.at_level(logging.ERROR):
        broken, sound = loaded(file, RESALE)
    assert BROKEN[text] in broken.fault
    assert f"the extension {file} is left out" in caplog.text
    assert sound.fault == ""
    assert model_names() == (*OURS, "resale")
    assert [view.name for view in VIEWS if view.name == "v"] == []


def test_a_view_may_bring_an_entity_of_its_own_whose_key_is_typed_by_its_column(loaded, tmp_path):
    (extension,) = loaded(written(tmp_path, OWN_VIEW % ("INT64", "Field(name='machine_id', dtype=Int64), RUNS")))
    assert extension.fault == ""
    assert [view.name for view in VIEWS][-1] == "v"


def test_files_of_one_name_in_two_folders_are_two_modules(loaded, tmp_path):
    second = "from dataclasses import replace\nfrom training.models.property_value import SPEC\n"
    files = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        text = f"{second}THIS = __name__\nMODELS = (replace(SPEC, name='{name}'),)"
        files.append(written(tmp_path / name, text))
    both = loaded(*files)
    assert [extension.fault for extension in both] == ["", ""]
    assert model_names() == (*OURS, "first", "second")
    modules = [sys.modules[extension.module.THIS] for extension in both]
    assert [module.MODELS[0].name for module in modules] == ["first", "second"]


def test_a_file_that_is_not_there_is_named(loaded, tmp_path):
    (missing,) = loaded(tmp_path / "gone.py")
    assert f"expected a file {tmp_path / 'gone.py'}, found none" in missing.fault


def test_of_two_that_declare_one_name_the_first_counts(loaded, tmp_path):
    first, second = loaded(RESALE, written(tmp_path, RESALE.read_text()))
    assert first.fault == ""
    assert "there is a service 'resale_v1' already" in second.fault


def test_domains_limit_what_is_there(loaded, monkeypatch):
    loaded(RESALE)
    monkeypatch.setenv("TIDEMARK_DOMAINS", "resale")
    assert model_names() == ("resale",)
    assert list(SNAPSHOT_VIEWS) == []
    monkeypatch.setenv("TIDEMARK_DOMAINS", "resale, homes")
    assert [spec.name for spec in MODELS] == [*OURS, "resale"]


def test_a_domain_that_nothing_belongs_to_is_refused(loaded, monkeypatch):
    loaded(RESALE)
    monkeypatch.setenv("TIDEMARK_DOMAINS", "home")
    with pytest.raises(DomainError, match="there is no domain 'home'; there are homes, ledger, resale"):
        require_domains()


def test_a_service_whose_views_are_left_out_is_refused(loaded, monkeypatch):
    loaded(RESALE)
    monkeypatch.setenv("TIDEMARK_DOMAINS", "resale")
    with pytest.raises(DomainError, match="the service resale_v1 reads property: add the domain homes"):
        require_domains()
    monkeypatch.setenv("TIDEMARK_DOMAINS", "resale,homes")
    require_domains()


def test_each_of_our_declarations_names_its_domain():
    assert {item.tags["domain"] for item in (*SNAPSHOT_VIEWS, *SERVICES)} == {"homes"}
    assert {spec.domain for spec in MODELS} == {"homes"}
