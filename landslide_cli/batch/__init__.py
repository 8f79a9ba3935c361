"""Many scenes: which there are, what is done already, one after the other, and one inventory of all.

Plan (`planning.plan_batch`), for each scene that is left: run (`tasks.attempt`) and note in the ledger; then merge
(`running.carry_out`).
"""
