"""Which names and cells look personal, in six languages, and which do not."""

from __future__ import annotations

import pyarrow as pa
import pytest

from spaaza_source.tabular.privacy.personal_data import EMAIL, CellLook, NameRules

PERSONAL_NAMES = """
    E-mail|email_address|Courriel|Correo electrónico|contact.email|userEmail|billing_email
    surname|Last name|Achternaam|Nachname|Apellidos|Cognome|Prénom|Voornaam|Vorname|customer_name
    klant_naam|nom_client|nombre_cliente|user_name|dob|date_of_birth|Geboortedatum|geboorte_datum
    Date de naissance|Geburtsdatum|Fecha de nacimiento|Data di nascita|phone|Téléphone|Telefono
    mobile_number|Mobiel|gsm|Straße|Straat|calle|Adresse|shipping_address|huisnummer|postcode
    Code postal|PLZ|Código postal|IBAN|rekeningnummer|ip_address|bsn|codice_fiscale|dni|passport
    store_employee_email|order_customer_phone|giftee.first_name|line_items[].giftee.email
"""
HARMLESS_NAMES = """
    name|store_name|campaign_name|product_name|brand_name|date|created_date|created_at|voucher_code
    amount|email_opt_in|opt_in_email|is_email_valid|mailing_list_subscriber|emails_sent|email_campaign
    store_street|stores.street|home_store.phone|home_store_phone|branch_postcode|via|handy|portable
    plan|nom|nombre|nombre_commandes|birthday_voucher|mobile_app_version|phone_model|cap|code|kind
    address_country|campaign_email_template|order_name|filiale_strasse|price|status|channel|language
"""


def split(text: str) -> list[str]:
    return [name.strip() for line in text.strip().splitlines() for name in line.split("|")]


@pytest.mark.parametrize("name", split(PERSONAL_NAMES))
def test_a_name_reads_personal(name: str) -> None:
    assert NameRules([name], of_persons=False).kind(name)


@pytest.mark.parametrize("name", split(HARMLESS_NAMES))
def test_a_name_reads_harmless(name: str) -> None:
    assert NameRules([name], of_persons=False).kind(name) is None


@pytest.mark.parametrize(
    ("name", "beside"),
    [("via", "cognome"), ("handy", "nachname"), ("portable", "prenom"), ("nom", "prenom")],
)
def test_a_word_of_two_meanings_counts_where_the_header_speaks_its_language(
    name: str, beside: str
) -> None:
    assert NameRules([name, beside], of_persons=False).kind(name)


@pytest.mark.parametrize("name", ["name", "Nom", "Naam", "nome"])
def test_a_name_alone_is_a_persons_in_a_table_of_persons(name: str) -> None:
    assert NameRules([name], of_persons=True).kind(name)


def look(header: str, *cells: str | None) -> str | None:
    seen = CellLook(header)
    seen.add(pa.array(cells, pa.string()))
    return seen.kind


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["a", "b", None, "see ann@example.com", *"cdefg"], EMAIL),
        (["+31 6 12345678", "x", "0612345678"], "phone numbers"),
        (["1980-01-31", "12-03-1975", "2030-01-01"], "birth dates"),
        (["NL91 ABNA 0417 1643 00", "DE89370400440532013000"], "bank accounts"),
        (["192.168.0.1", "8.8.144.8"], "IP addresses"),
        (["Ann Smith", "Jan de Vries", "gold"], "persons' names"),
        (["Giulia", "François"], "persons' names"),
        (["Kerkstraat 12", "Hauptstraße 5"], "postal addresses"),
        (["12 rue de la Paix", "via Roma 3", "221 Baker Street"], "postal addresses"),
        (["1017 CB", "3511AB"], "postal addresses"),
        (["RSSMRA80A01H501U"], "national ids"),
        (["12345678Z"], "national ids"),
    ],
)
def test_cells_look_personal(cells: list[str | None], kind: str) -> None:
    assert look("field 7", *cells) == kind


@pytest.mark.parametrize(
    "cells",
    [
        ["SUMMER24", "000123", "A-17"],
        ["0000100117000027760", "00435980000433"],
        ["12.50", "-3,10", "1,234.00"],
        ["2026-05-01", "2050-01-01", "0001-01-01"],
        ["2026-05-01T10:00:00Z"],
        ["banner@2x.png", "@summer", "a @ b"],
        ["1.2.3.4", "5.11.0.2", "10:15:00"],
        ["gold", "silver", "in_store"],
        ["Amsterdam Zuid", "Utrecht"],
        [None, None],
    ],
)
def test_cells_look_harmless(cells: list[str | None]) -> None:
    assert look("field 7", *cells) is None


def test_shops_and_order_numbers_may_look_like_persons() -> None:
    assert look("home_store", "Jan Linders", "Jan Linders") is None
    assert look("article_code", "0612345678") is None
    assert look("home_store", "shop@example.com") == EMAIL


def test_a_share_is_needed_of_what_looks_like_numbers() -> None:
    assert look("field 7", "0612345678", *["gold"] * 9) is None
