"""Sound: chunks, joins, speed, encoders, reference clips. The only place that knows PyAV."""
