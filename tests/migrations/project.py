"""A shop whose tables are made by migrations: twenty revisions, with every operation that Alembic has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SPEC = """\
postgres: {major}
roles:
  postgres: {{superuser: true, login: true}}
  owner: {{}}
  reader: {{}}
databases:
  {database}:
    owner: owner
    schemas: {{public: {{owner: owner}}}}
    grants:
      - {{grant: [SELECT], on: {{schema: public, all: tables}}, to: [reader]}}
migrations:
  {database}: {{alembic: ../migrations{more}}}
"""

ENV = """\
from alembic import context
from sqlalchemy import create_engine, pool

if context.is_offline_mode():
    context.configure(literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    # a password that leads nowhere
    engine = create_engine("postgresql+psycopg://nobody:secret@nowhere.invalid:1/other", poolclass=pool.NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
"""

REVISION = '''\
"""{doc}"""
from alembic import op
import sqlalchemy as sa

revision = "{revision}"
down_revision = {down}
branch_labels = {labels}
depends_on = None


def upgrade():
    {up}


def downgrade():
    {back}
'''

STEPS: Sequence[tuple[str, str]] = (
    (
        (
            "op.create_table('orders', sa.Column('id', sa.BigInteger, sa.Identity(), primary_key=True),"
            " sa.Column('note', sa.Text), sa.Column('total', sa.Integer, nullable=False), comment='what was sold')"
        ),
        "op.drop_table('orders')",
    ),
    ("op.add_column('orders', sa.Column('day', sa.Date))", "op.drop_column('orders', 'day')"),
    (
        "op.alter_column('orders', 'total', type_=sa.BigInteger)",
        "op.alter_column('orders', 'total', type_=sa.Integer)",
    ),
    (
        "op.alter_column('orders', 'total', server_default='0', comment='in cents')",
        "op.alter_column('orders', 'total', server_default=None, comment=None)",
    ),
    ("op.create_index('orders_day', 'orders', ['day'])", "op.drop_index('orders_day')"),
    (
        (
            "with op.get_context().autocommit_block():\n"
            "        op.create_index('orders_note', 'orders', ['note'], postgresql_concurrently=True)"
        ),
        (
            "with op.get_context().autocommit_block():\n"
            "        op.drop_index('orders_note', 'orders', postgresql_concurrently=True)"
        ),
    ),
    (
        (
            "op.create_table('customers', sa.Column('id', sa.BigInteger, sa.Identity(), primary_key=True),"
            " sa.Column('name', sa.Text))"
        ),
        "op.drop_table('customers')",
    ),
    ("op.add_column('orders', sa.Column('customer', sa.BigInteger))", "op.drop_column('orders', 'customer')"),
    (
        "op.create_foreign_key('orders_customer', 'orders', 'customers', ['customer'], ['id'])",
        "op.drop_constraint('orders_customer', 'orders')",
    ),
    (
        "op.create_check_constraint('orders_total', 'orders', 'total >= 0')",
        "op.drop_constraint('orders_total', 'orders')",
    ),
    (
        "op.create_unique_constraint('customers_name', 'customers', ['name'])",
        "op.drop_constraint('customers_name', 'customers')",
    ),
    ("op.rename_table('customers', 'clients')", "op.rename_table('clients', 'customers')"),
    (
        "op.alter_column('orders', 'note', new_column_name='remark')",
        "op.alter_column('orders', 'remark', new_column_name='note')",
    ),
    ("op.create_table_comment('clients', 'who buys')", "op.drop_table_comment('clients')"),
    (
        "op.create_table('rates', sa.Column('code', sa.Text, nullable=False), sa.Column('rate', sa.Numeric))",
        "op.drop_table('rates')",
    ),
    ("op.create_primary_key('rates_pkey', 'rates', ['code'])", "op.drop_constraint('rates_pkey', 'rates')"),
    (
        (
            "op.bulk_insert(sa.table('rates', sa.column('code', sa.Text), sa.column('rate', sa.Numeric)),"
            " [{'code': 'EUR', 'rate': 1}, {'code': 'USD', 'rate': 2}])"
        ),
        "op.execute(\"DELETE FROM rates WHERE code IN ('EUR', 'USD')\")",
    ),
    (
        "op.create_exclude_constraint('rates_once', 'rates', ('rate', '='), using='btree')",
        "op.drop_constraint('rates_once', 'rates')",
    ),
    (
        "with op.batch_alter_table('orders') as batch:\n        batch.add_column(sa.Column('paid', sa.Boolean))",
        "with op.batch_alter_table('orders') as batch:\n        batch.drop_column('paid')",
    ),
    ("op.execute('CREATE SEQUENCE tickets')", "op.execute('DROP SEQUENCE tickets')"),
)
LAST = f"r{len(STEPS):02}"


def write_revision(
    folder: Path, name: str, down: str | None, up: str, back: str = "pass", labels: str | None = None
) -> None:
    text = REVISION.format(
        doc=f"step {name}",
        revision=name,
        down=repr(down),
        up=up,
        back=back,
        labels=repr((labels,)) if labels else None,
    )
    (folder / "versions").mkdir(parents=True, exist_ok=True)
    (folder / "versions" / f"{name}.py").write_text(text)


def write_project(place: Path, number: int = len(STEPS), env: str = ENV) -> Path:
    """The folder of the scripts, with the first revisions."""
    folder = place / "migrations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "env.py").write_text(env)
    (folder / "script.py.mako").write_text(
        '"""${message}"""\nrevision = ${repr(up_revision)}\ndown_revision = ${repr(down_revision)}\n'
    )
    for at, (up, back) in enumerate(STEPS[:number], 1):
        write_revision(folder, f"r{at:02}", f"r{at - 1:02}" if at > 1 else None, up, back)
    return folder
