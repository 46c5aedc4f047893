"""A private telephone network of real programs on loopback: Kamailio, baresip phones, and people outside.

The demo runs on it (`manage.py demo --provider sip`), the tests of the package start the same programs with the same
files, and the documentation shows them. It stands here because the package itself has no use for a server's
configuration, and an example may not depend on tests. Needs no root; every file is in one folder, every port is given.
"""
