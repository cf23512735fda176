"""What is said of goodwill and of self-service: remedies exist and can be paid, articles have an address."""

import re
from collections.abc import Iterator, Mapping

from babel import Locale

from engine.config.check_detectors import check_condition
from engine.config.load import POLICY
from engine.config.loaded import Loaded
from engine.config.model import Article, GoodwillConfig, MessageStep, Place, Remedy
from engine.config.problems import nearest
from engine.config.variables import WHEN

_ROLE = re.compile(r"[^@\s]+(?:@[^@\s]+)?")


def check_goodwill(loaded: Loaded) -> None:
    """Note what is wrong with the goodwill of the policy, and with what playbooks offer of it."""
    rules = loaded.policy.goodwill
    if rules is not None and POLICY in loaded.roots:
        _check_rules(loaded, rules, loaded.roots[POLICY].place)
    for step in _messages(loaded):
        if step.offer is not None:
            _check_offer(loaded, step, rules.remedies if rules else {})


def check_articles(loaded: Loaded) -> None:
    """Note demand that customers could meet themselves, if they were shown how; and addresses that are none."""
    for detector in loaded.detectors.values():
        article, start = detector.demand.article, detector.place
        if article is not None:
            _check_article(loaded, article, start, "demand", "article")
        elif detector.demand.class_ == "automate" and loaded.node(start, "demand") is not None:
            place = loaded.where(start, "demand", "class")
            loaded.problems.warning(place, "customers are not shown how to help themselves", "add demand.article")
    for playbook in loaded.playbooks.values():
        if playbook.article is not None:
            _check_article(loaded, playbook.article, playbook.place, "article")


def check_roles(loaded: Loaded) -> None:
    """Note mailboxes that are none."""
    if POLICY not in loaded.roots:
        return
    for index, role in enumerate(loaded.policy.role_addresses):
        if not _ROLE.fullmatch(role):
            place = loaded.where(loaded.roots[POLICY].place, "role_addresses", index)
            loaded.problems.error(place, f'"{role}" is no mailbox', "write its name, as noc, or noc@example.com")


def _messages(loaded: Loaded) -> Iterator[MessageStep]:
    for playbook in loaded.playbooks.values():
        yield from (step for step in playbook.steps if isinstance(step, MessageStep))


def _check_rules(loaded: Loaded, rules: GoodwillConfig, start: Place) -> None:
    currencies = sorted(map(str, Locale("en").currencies))
    if rules.currency not in currencies:
        place = loaded.where(start, "goodwill", "currency")
        loaded.problems.error(place, f'no currency "{rules.currency}"', _near(rules.currency, currencies))
    for name, remedy in rules.remedies.items():
        _check_remedy(loaded, rules, remedy, loaded.where(start, "goodwill", "remedies", name))
    if not rules.remedies:
        place = loaded.where(start, "goodwill", "remedies")
        loaded.problems.error(place, "there is no remedy", "write {credit-10: {kind: credit, amount: 10, about: …}}")


def _near(name: str, known: list[str]) -> str:
    hint = nearest(name, known)
    return hint if hint.startswith("did") else "write an ISO 4217 code such as EUR"


def _check_remedy(loaded: Loaded, rules: GoodwillConfig, remedy: Remedy, place: Place) -> None:
    if remedy.amount < 0.0:
        loaded.problems.error(place, "a remedy costs 0 or more", "amount is what it costs us")
    most = min([rules.budget.count, *([rules.per_account.count] if rules.per_account else [])])
    if remedy.amount > most:
        loaded.problems.error(place, f"this can never be granted, as at most {most} may be", "raise it, or cost less")
    if remedy.kind == "extension" and not remedy.lasts:
        loaded.problems.error(place, "an extension needs lasts", "as lasts: 7d")


def _check_offer(loaded: Loaded, step: MessageStep, remedies: Mapping[str, Remedy]) -> None:
    assert step.offer is not None
    if step.offer.remedy not in remedies:
        place = loaded.where(step.place, "offer", "remedy")
        loaded.problems.unknown(place, "remedy", step.offer.remedy, remedies)
    if step.offer.when is not None:
        check_condition(loaded, step.offer.when, set(WHEN), step.place, "offer", "when")


def _check_article(loaded: Loaded, article: Article, start: Place, *path: str) -> None:
    for keys, url in [((), article.url), *((("locales", tag), text.url) for tag, text in article.locales.items())]:
        if not url.startswith("https://"):
            place = loaded.where(start, *path, *keys, "url")
            loaded.problems.error(place, f'"{url}" is no address for customers', "write https://…")
