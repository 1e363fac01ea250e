"""Probes: behaviour, not catalogue; a second, independent check, so a wrong catalogue query cannot agree with itself.

A probe asks the server's own has_..._privilege for the role, tries what can be tried without planning or running
anything that others define (act.py), or logs in as the role. What it makes is rolled back, it waits for nobody, and
what all probes of a gate may take is bounded.

    budget.py      the seconds that all probes of a gate may take
    session.py     a connection for probes: short timeouts, a name that alerts know
    fence.py       event triggers stay off while something is made
    script.py      transactions that are rolled back, many in one round trip
    catalog_object.py   objects as the server has them: what is asked about and tried
    ask.py         has_..._privilege for any number of roles and objects at once
    act.py         the statement that shows whether a privilege works, and runs nothing
    trying.py      many such statements in few transactions
    rows.py        whether row level security lets a role see any row
    question.py    all questions of a database, asked and tried together
    allowance.py   what the spec lets a role do, by whatever way
    trial.py       an object that a creator makes, and what grantees hold on it
    attempt.py     one attempt to log in, and what its refusal means
    admission.py   which rule of pg_hba.conf decides on a login
    way_in.py      who decides on our own logins, before anything is tried
    lockout.py     facts of the catalogue that refuse a login whatever the way in
    password_login.py    a role's secret, and a wrong password once for each method
    password.py    what a login shows of a password that nobody may read; asked by role.py, in plans, too
    login.py grant.py default_privilege.py backup.py       the probes themselves, by what they prove
"""
