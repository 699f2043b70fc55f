"""Lengths of time in words."""


def duration(seconds: float) -> str:
    """Say a length of time as a person would: “under a second”, “8 s”, “13 min 20 s”, “2 h 05 min”."""
    if seconds < 1:
        return "under a second"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
