"""Plan a trial on mechanistic patients: power, type-I error and duration of a design, under each reading of a transplant."""
