"""What calendars.yaml says, and what detectors make of it."""

from zoneinfo import available_timezones

from engine.calendars import holidays_of
from engine.config.load import CALENDARS
from engine.config.loaded import Loaded
from engine.config.model import CalendarConfig, DetectorConfig, Widen
from engine.config.problems import nearest


def check_calendars(loaded: Loaded) -> None:
    """Note what is wrong with each calendar, and with each use of one."""
    for calendar in loaded.calendars.values():
        _check_calendar(loaded, calendar)
    for config in loaded.detectors.values():
        _check_uses(loaded, config)


def _check_calendar(loaded: Loaded, calendar: CalendarConfig) -> None:
    start = calendar.place
    if not (calendar.weekly or calendar.dates or calendar.holidays or calendar.changes):
        loaded.problems.error(start, "this calendar is empty", "give it weekly, dates, holidays or changes")
    if calendar.zone not in available_timezones():
        hint = nearest(calendar.zone, available_timezones())
        loaded.problems.error(loaded.where(start, "zone"), f'no time zone "{calendar.zone}"', hint)
    for number, week in enumerate(calendar.weekly):
        if week.from_ == week.to:
            place = loaded.where(start, "weekly", number)
            loaded.problems.error(place, "these hours are empty", "leave from and to out for whole days")
    for number, span in enumerate(calendar.dates):
        if span.to < span.from_:
            loaded.problems.error(
                loaded.where(start, "dates", number), "it ends before it begins", "exchange the dates"
            )
    for number, code in enumerate(calendar.holidays):
        try:
            holidays_of(code)
        except ValueError as error:
            place = loaded.where(start, "holidays", number)
            loaded.problems.error(place, str(error), "write an ISO 3166 code such as AT or US-CA")


def _check_uses(loaded: Loaded, config: DetectorConfig) -> None:
    for name, ease in config.calendars.items():
        place = loaded.key(config.place, "calendars", name)
        if name not in loaded.declared["calendars"]:
            if loaded.declared["calendars"]:
                loaded.problems.unknown(place, "calendar", name, loaded.declared["calendars"])
            else:
                loaded.problems.error(place, f'no calendar "{name}"', f"write {CALENDARS}")
        if isinstance(ease, Widen) and not 1 < ease.widen < 1000:
            place = loaded.where(config.place, "calendars", name)
            loaded.problems.error(place, f"widen is {ease.widen:g}", "it is more than 1, as 2, or write suspend")
