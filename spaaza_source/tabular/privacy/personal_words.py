"""Words of personal columns' names in six languages, and given names, for `personal_data`.

English, Dutch, French, German, Spanish and Italian; without accents, and glued as in `birthdate`.
"""

from __future__ import annotations

ANY = ""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: By kind and language: words that mean it wherever they stand in a name.
WORDS: dict[str, dict[str, str]] = {
    "an e-mail address": {
        ANY: "email emails emailaddress mail mails mailaddress",
        "nl": "mailadres emailadres",
        "fr": "courriel courriels adressemail adresseemail adressecourriel",
        "de": "mailadresse emailadresse",
        "es": "correo correos correoelectronico",
        "it": "postaelettronica indirizzoemail",
    },
    "a phone number": {
        ANY: "phone phones phonenumber phoneno mobile mobilephone cellphone telephone tel telnr gsm"
        " fax whatsapp msisdn telefoon telefono telefon",
        "nl": "mobiel mobielnummer telefoonnummer",
        "fr": "numerotelephone numtelephone telportable",
        "de": "mobilnummer handynummer rufnummer telefonnummer mobil",
        "es": "movil celular",
        "it": "cellulare",
    },
    "a person's name": {
        ANY: "firstname lastname surname middlename fullname givenname forename familyname"
        " maidenname nickname initials username",
        "nl": "voornaam achternaam tussenvoegsel familienaam roepnaam voorletters klantnaam",
        "fr": "prenom prenoms nomdefamille nomclient nomcomplet",
        "de": "vorname vornamen nachname familienname zuname kundenname benutzername",
        "es": "apellido apellidos nombrecliente nombrecompleto",
        "it": "cognome cognomi nomecliente",
    },
    "a birth date": {
        ANY: "dob birthday birthdate dateofbirth birth born datebirth",
        "nl": "geboortedatum geboortedag verjaardag geboorte gebdatum",
        "fr": "naissance datenaissance datedenaissance anniversaire",
        "de": "geburtsdatum geburtstag gebdat geburt",
        "es": "nacimiento fechanacimiento fechadenacimiento cumpleanos",
        "it": "nascita datanascita datadinascita compleanno",
    },
    "a postal address": {
        ANY: "address addresses street streetname housenumber houseno postcode postalcode zip"
        " zipcode addressline",
        "nl": "straat straatnaam huisnummer adres woonplaats",
        "fr": "adresse rue codepostal",
        "de": "strasse str hausnummer plz postleitzahl anschrift wohnort",
        "es": "calle codigopostal direccion domicilio",
        "it": "indirizzo codicepostale residenza civico",
    },
    "a bank account": {
        ANY: "iban bankaccount creditcard cardnumber creditcardnumber accountholder",
        "nl": "rekeningnummer bankrekening",
        "fr": "comptebancaire rib",
        "de": "kontonummer bankverbindung",
        "es": "cuentabancaria numerocuenta",
        "it": "contocorrente contobancario",
    },
    "an IP address": {ANY: "ip ipaddress ipadres ipadresse ipv4 ipv6"},
    "a place on the map": {ANY: "latitude longitude geolocation gps"},
    "a national id": {
        ANY: "ssn passport passportnumber nationalid socialsecuritynumber nino",
        "nl": "bsn burgerservicenummer rijksregisternummer paspoort insz",
        "fr": "passeport niss numerosecuritesociale",
        "de": "reisepass personalausweis sozialversicherungsnummer steuerid",
        "es": "dni pasaporte nif",
        "it": "codicefiscale passaporto",
    },
}

#: Words with another meaning elsewhere: they count where the header also speaks their language, as
#: `cognome` does.
WEAK: dict[str, dict[str, str]] = {
    "it": {"via": "a postal address", "cap": "a postal address", "nome": "a person's name"},
    "de": {"handy": "a phone number", "ort": "a postal address"},
    "fr": {
        "portable": "a phone number",
        "nom": "a person's name",
        "ville": "a postal address",
        "cp": "a postal address",
    },
    "es": {"nombre": "a person's name", "cp": "a postal address", "ciudad": "a postal address"},
    "nl": {"naam": "a person's name", "plaats": "a postal address"},
}

#: A name word alone: of a person where the table's rows are persons, or beside one of PERSONS.
NAMES = _words("name naam nom nome nombre")
PERSONS = _words(
    "customer customers client clients klant klanten kunde kunden cliente clienti clientes user"
    " users shopper shoppers member members lid mitglied membre socio person persoon personne"
    " persona contact contacts employee employees medewerker mitarbeiter recipient giftee guest"
    " buyer koper subscriber cashier friend parent partner spouse"
)
#: Before a word, nearest to it: not a person's, as in `store_street` and `campaign_name`.
THINGS = _words(
    "store stores shop shops winkel winkels filiale filialen magasin magasins boutique tienda"
    " tiendas negozio negozi branch branches vestiging product products produkt produit producto"
    " prodotto article artikel articulo articolo sku variant brand merk marke marque"
    " marca category campaign campaigns campagne kampagne campana campagna promotion tier level"
    " warehouse template"
)
#: Before or after a word: something about it, as in `email_opt_in` and `mobile_app_version`.
FLAGS = _words("is has can wants allow allows receive receives accepts opt optin optout")
ABOUT = _words(
    "opt optin optout opted consent consented permission permissions allowed accepted subscriber"
    " subscribed subscription subscriptions unsubscribed newsletter preference preferences verified"
    " verification validated valid confirmed confirmation status count counts sent opened clicked"
    " bounced rate ratio share type kind template templates campaign campaigns enabled disabled"
    " active platform os app model brand country region regionstate province state language channel"
    " provider voucher vouchers coupon reward bonus points discount offer score orders"
)
#: After a word, but for a birth: a moment of it, as in `email_date`.
MOMENTS = _words("date datum time timestamp at on since created updated changed")

GIVEN_NAMES = _words("""
    james john robert michael william david richard joseph thomas charles mary patricia jennifer
    linda elizabeth barbara susan jessica sarah karen emma olivia sophia charlotte amelia harry jack
    george oliver simon paul peter mark andrew daniel matthew anthony steven kevin brian lucy alice
    ann anne anna jan piet kees henk johan willem pieter maria johanna sanne daan sem lucas levi
    finn noah milan luuk bram thijs lars ruben jeroen marieke femke lotte fleur eva julia tess zoe
    sophie lieke anouk iris joris bart koen dirk els greet jean pierre michel philippe alain
    nicolas christophe laurent julien antoine camille marie nathalie isabelle sylvie catherine
    francoise monique chloe manon lea ines louis gabriel hugo arthur jules adam hans klaus juergen
    jurgen wolfgang dieter manfred uwe guenter stefan andreas markus sebastian florian lukas
    leon felix maximilian sabine petra monika ursula heike katrin julian hannah mia lena leonie jose
    juan carlos luis antonio manuel francisco javier miguel pedro pablo alejandro diego carmen ana
    isabel dolores pilar laura lucia marta cristina elena sofia martina giuseppe giovanni mario
    luigi francesco marco alessandro andrea matteo lorenzo luca davide stefano roberto paolo giulia
    chiara francesca sara valentina alessia federica silvia giorgia aurora mohamed mohammed ahmed
    fatima ali youssef omar
    """)
