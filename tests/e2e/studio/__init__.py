"""The studio in a real browser, used as a person does, with the engine that hums: one file for each page."""
