"""The rules that must always hold, as the doctor checks them: a page for each subject."""
