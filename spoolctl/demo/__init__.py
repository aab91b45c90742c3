"""The demo: a real spool, a real controller and two real workers on this machine, and one of them is killed."""
