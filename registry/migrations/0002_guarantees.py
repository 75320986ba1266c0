"""What the database itself guarantees, whatever path writes: ties between facts, the audit trail,
the notes of who is to be judged, and row-level security with the application role's rights."""

from pathlib import Path

from django.db import migrations

SQL = Path(__file__).parent / "sql"

WATCHED = [
    "sponsor", "study", "site", "visitschedule", "scheduledvisit", "product",
    "patient", "course", "infusion", "visit", "labresult", "labnotdone", "supportivetreatment", "score",
    "adverseevent", "adverseeventfollowup", "alert", "alertmove",
    "membership", "user_groups", "user_user_permissions", "pseudonym", "exportrecord",
]


def run(name: str) -> migrations.RunSQL:
    return migrations.RunSQL((SQL / name).read_text())


def watch(table: str, pk: str = "id", unrecorded: str = "{}") -> migrations.RunSQL:
    return migrations.RunSQL(f"SELECT audit.watch('registry_{table}', '{pk}', '{unrecorded}')")


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0001_initial"),
        # Their tables are granted to the application's role here; later tables by default privileges.
        ("auth", "__latest__"),
        ("contenttypes", "__latest__"),
        ("sessions", "__latest__"),
        ("account", "__latest__"),
    ]

    operations = [
        run("ties.sql"),
        run("audit.sql"),
        *(watch(table) for table in WATCHED),
        # A password's hash and the time of a login are no record of the study.
        watch("user", unrecorded="{password,last_login}"),
        watch("apikey", pk="digest", unrecorded="{last_used_on}"),
        run("waiting.sql"),
        run("row_security.sql"),
    ]
