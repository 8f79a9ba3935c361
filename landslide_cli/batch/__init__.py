"""Many scenes: which there are, what is done already, who does which, and one inventory of all.

Doing one scene, `landslide_cli.batch.tasks.attempt`, takes and gives what can be sent to another process, so that
whoever hands out the scenes may be another one than the ledger here.
"""
