"""The one app of the service: studies, their readings, who may see them, and who did."""
