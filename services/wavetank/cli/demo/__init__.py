"""The demonstration: a venue, fifteen accounts, one storm, and the report of what it did.

`plan` says what will happen, `cast` who takes part, `storm` breaks the oracle, `play` runs it, `live` shows it,
`measure` reads the logs afterwards, and the reports say what they hold. Everything a bot or the storm does goes
through the SDK over real gRPC.
"""
