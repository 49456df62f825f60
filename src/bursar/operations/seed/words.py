"""Words that seeded companies, their people and their teams are named with."""

import string
import unicodedata

from bursar.operations.seed.chance import Chance

_COMPANIES = (
    "Harbor", "Bluefin", "Northwind", "Café Aurore", "Brücke", "Søndergård", "Quillon", "Tamarind",
    "Vega", "Lindqvist", "Peñasco", "Cobalt", "Fjällräven", "Meridian", "さくら", "Orchard", "Zéphyr",
    "Kestrel", "Ibáñez", "Granite", "Lumière", "Pohjola", "Saffron", "Tidewater", "Übersee", "Willow",
)  # fmt: skip
_TRADES = (
    "Robotics", "Health", "Logistics", "Bank", "Insurance", "Foods", "Energy", "Media", "Games",
    "Retail", "Airlines", "Labs", "Biotech", "Mobility", "Semiconductors", "Publishing",
)  # fmt: skip
MODELS = (
    "gpt-5", "gpt-5-mini", "claude-opus-4", "gemini-3-pro", "mistral-large", "llama-4-maverick",
)  # fmt: skip
_FORMS = ("Inc.", "GmbH", "S.A.", "Ltd", "AB", "Oy", "S.r.l.", "& Söhne", "株式会社", "Group")
_GIVEN = (
    "Ada", "Bengt", "Chloé", "Dmitri", "Eleni", "Farid", "Grete", "Hugo", "Inès", "Jürgen", "Keiko",
    "Lena", "Mateo", "Ngozi", "Olga", "Priya", "Quentin", "Rosa", "Sinéad", "Tomás", "Umberto",
    "Valérie", "Wei", "Xóchitl", "Yusuf", "Zoë", "Amara", "Björn", "Carmen", "Diego", "Emeka",
)  # fmt: skip
_FAMILY = (
    "Almeida", "Bauer", "Castañeda", "Dubois", "Eriksson", "Fischer", "García", "Hernández",
    "Ivanova", "Jansen", "Kowalski", "Larsen", "Müller", "Nakamura", "Okafor", "Petrović", "Quispe",
    "Rossi", "Schäfer", "Tanaka", "Urquhart", "Virtanen", "Weiß", "Xu", "Çelik", "Zhang", "O'Neill",
)  # fmt: skip
_WORK = (
    "Customer support", "Search relevance", "Fraud detection", "Contract review", "Code review",
    "Data platform", "Marketing copy", "Document intake", "Localization", "Clinical notes",
    "Pricing", "Recruiting", "Incident response", "Forecasting", "Voice assistant", "Onboarding",
    "Claims triage", "Knowledge base", "Compliance", "Product catalog",
)  # fmt: skip
_KIND = (
    "copilot",
    "agents",
    "RAG",
    "evaluation",
    "batch jobs",
    "chatbot",
    "research",
    "API",
    "pilot",
)
_PLACES = (
    "EMEA", "Zürich", "São Paulo", "東京", "Montréal", "Kraków", "München", "Bengaluru", "Austin",
    "Århus", "Singapore", "Αθήνα",
)  # fmt: skip
_TAGS = (
    "production", "staging", "experiment", "pii", "gdpr", "hipaa", "customer-facing", "internal",
    "batch", "realtime", "embeddings", "vision", "tier-1", "tier-2", "été-2026", "cost-capped",
)  # fmt: skip
_PROGRAMS = (
    "laptop", "CI", "nightly batch", "notebook", "web backend", "Slack bot", "Évaluation", "gateway",
    "Prüfstand", "load test", "staging", "demo", "レポート",
)  # fmt: skip
_REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "us-west-2", "ap-northeast-1")
_BASE62 = string.digits + string.ascii_letters
_AIMS = (
    "Drafts answers that people check before they are sent.",
    "Runs nightly; a queue absorbs what the limits refuse.",
    "Serves customers directly, so latency comes before cost.",
    "Compares models for the others — expect bursts.",
    "Nur für interne Zwecke; keine Kundendaten.",
)


def company(stream: Chance) -> str:
    return " ".join(stream.choice(part) for part in (_COMPANIES, _TRADES, _FORMS))


def person(stream: Chance) -> tuple[str, str]:
    return stream.choice(_GIVEN), stream.choice(_FAMILY)


def mailbox_of(given: str, family: str) -> str:
    """The part of an e-mail before the number; one in five people write theirs in capitals."""
    box = f"{_ascii(given)}.{_ascii(family)}".replace("'", "")
    return box if len(box) % 5 == 0 else box.lower()


def team(stream: Chance) -> str:
    name = f"{stream.choice(_WORK)} {stream.choice(_KIND)}"
    return f"{name} · {stream.choice(_PLACES)}" if stream.percent(40) else name


def description(stream: Chance, team_name: str) -> str | None:
    return f"{team_name}.\n{stream.choice(_AIMS)}" if stream.percent(80) else None


def tags(stream: Chance) -> list[str]:
    return stream.sample(_TAGS, stream.choice((0, 1, 2, 2, 3, 5)))


def program(stream: Chance) -> str:
    """What a key is named after."""
    return stream.choice(_PROGRAMS)


def last_four(stream: Chance) -> str:
    """The end of a secret that nobody knows."""
    return "".join(stream.choices(_BASE62, k=4))


def particulars(stream: Chance) -> dict[str, object]:
    """Metadata as finance and operations keep it."""
    return {
        "costCenter": f"CC-{stream.randrange(1000, 9999)}",
        "region": stream.choice(_REGIONS),
        "onCall": stream.percent(30),
    }


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
