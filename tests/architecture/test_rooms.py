"""Which room may import which. The table is the architecture; this file enforces it."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "registry"

PURE = {"clinical", "monitoring"}
KEEP = PURE | {"models"}
ALLOW = KEEP | {"access"}
READ = ALLOW | {"queries"}
CHANGE = READ | {"actions"}
SPEAK = CHANGE | {"clock", "VERSION"}

# room -> the rooms of registry/ it may import besides itself; a room missing here is refused.
MAY_IMPORT = {
    "clinical": set(),
    "monitoring": {"clinical"},
    "models": PURE,
    "access": KEEP,
    "queries": ALLOW,
    "actions": READ,
    "clock": PURE,
    "exchange": SPEAK,
    "web": SPEAK | {"exchange", "templatetags"},  # one spelling of a date in templates and in forms
    "api": SPEAK | {"exchange"},
    "tasks": SPEAK | {"exchange"},
    "management": SPEAK | {"exchange"},
    "templatetags": PURE,
    "urls": {"web", "api"},
    "apps": {"queries"},
}
FRAMEWORKS = {"django", "rest_framework", "celery", "config", "psycopg", "redis"}
MAY_QUERY = {"models", "access", "queries", "actions", "management", "migrations"}
MAY_READ_THE_CLOCK = {"clock", "web", "api", "exchange", "tasks", "management"}
CLOCKS = {"now", "today", "localdate", "localtime", "utcnow"}


def files():
    """Every module of the registry with its room and its syntax tree; migrations are generated."""
    for path in sorted(REGISTRY.rglob("*.py")):
        room = path.relative_to(REGISTRY).parts[0].removesuffix(".py")
        if room not in {"migrations", "__init__"}:
            yield path.relative_to(ROOT), room, ast.parse(path.read_text())


def imports_of(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{'.' * node.level}{node.module}"
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def strangers_among(path, room, tree):
    for name in imports_of(tree):
        top, *rest = name.split(".")
        if not top:
            yield f"{path} imports {name}: write absolute imports"
        elif room in PURE and top in FRAMEWORKS:
            yield f"{path} is in a pure room and imports {name}"
        elif top == "config":
            yield f"{path} imports {name}: the registry never imports config"
        elif top == "tests":
            yield f"{path} imports {name}"
        elif top == "registry" and rest and rest[0] not in MAY_IMPORT[room] | {room}:
            yield f"{path} ({room}) may not import {rest[0]}"


def test_every_file_lies_in_a_room_the_table_knows():
    assert {room for _, room, _ in files()} <= set(MAY_IMPORT)


def test_every_import_respects_the_rooms():
    assert [line for path, room, tree in files() for line in strangers_among(path, room, tree)] == []


def test_no_import_hides_inside_a_function():
    hidden = [
        f"{path}:{inner.lineno}"
        for path, _, tree in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        for inner in ast.walk(node)
        if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_no_query_starts_outside_its_rooms():
    strays = [
        f"{path}:{node.lineno}"
        for path, room, tree in files()
        if room not in MAY_QUERY
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"objects", "_default_manager", "cursor"}
    ]
    assert strays == []


def test_only_the_entrances_read_the_clock():
    clocks = [
        f"{path}:{node.lineno}"
        for path, room, tree in files()
        if room not in MAY_READ_THE_CLOCK
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            (isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS)
            or (isinstance(node.func, ast.Name) and node.func.id in CLOCKS)
        )
    ]
    assert clocks == []


def test_whatever_a_rule_raises_is_caught_in_one_place_only():
    """`Survived`, which the two that judge use; nobody else survives just anything."""
    broad = [
        str(path)
        for path, _, tree in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]
    surviving = {
        str(path)
        for path, _, tree in files()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "registry.actions.broken_records"
    }
    assert broad == []
    assert surviving == {"registry/actions/judging.py", "registry/actions/scan.py"}


def test_no_signal_carries_a_fact_of_the_domain():
    receivers = [
        str(path)
        for path, _, tree in files()
        for name in imports_of(tree)
        if name.startswith(("django.db.models.signals", "django.dispatch"))
    ]
    assert receivers == []
