"""The demo's records. Every number is from a range that its country keeps free for fiction, in the spelling in which
somebody might have typed it."""

#: Log-in name, first name, last name, e-mail address at the telephone provider, superuser.
USERS = [
    ("ana", "Ana", "Ruiz", "ana@example.test", False),
    ("ben", "Ben", "Okafor", "ben@example.test", False),
    ("chris", "Chris", "Lindqvist", "chris@example.test", True),
]
PASSWORD = "demo"
LINE_PASSWORD = "demo-password"
#: By telephone system: who has a line, and the user name there.
LINES = {
    "voipstudio": {username: email for username, _, _, email, _ in USERS},
    "sip": {"ana": "1001", "ben": "1002"},
}

#: Name, industry, city, country, switchboard.
COMPANIES = [
    ("Brightwater Dental", "Health care", "London", "United Kingdom", "020 7946 0150"),
    ("Fenwick & Stone", "Architecture", "Edinburgh", "United Kingdom", "0131 496 0200"),
    ("Calder Valley Foods", "Food", "Leeds", "United Kingdom", "0113 496 0300"),
    ("Northlight Studios", "Film and design", "Manchester", "United Kingdom", "0161 496 0400"),
    ("Harrow Lane Legal", "Law", "London", "United Kingdom", "+44 20 7946 0500"),
    ("Okoro Logistics", "Transport", "London", "United Kingdom", "(020) 7946 0600"),
    ("Spreewerk Maschinenbau", "Engineering", "Berlin", "Germany", "+49 30 23125 100"),
    ("Isar Solartechnik", "Energy", "Munich", "Germany", "0049 89 99998 200"),
    ("Atelier Marchand", "Furniture", "Paris", "France", "+33 1 99 00 10 00"),
    ("Norrsken Data", "Software", "Stockholm", "Sweden", "+46 8 465 004 10"),
    ("Penarth Cycles", "Bicycles", "Cardiff", "United Kingdom", "029 2018 0700"),
    ("Palo Verde Labs", "Biotech", "Washington", "United States", "+1 (202) 555-0100"),
    ("Tidewater Marine", "Boat building", "Washington", "United States", "+1 202 555 0110"),
    ("Wattle & Gum", "Garden design", "Sydney", "Australia", "+61 2 5550 1000"),
]

#: Name, role, company, phone, mobile. The two at Brightwater share the number of the reception, which is that of the
#: company too; the Kapoors share the telephone at home.
CONTACTS = [
    ("Harriet Blake", "Practice manager", "Brightwater Dental", "020 7946 0101", "07700 900100"),
    ("Oliver Grant", "Dentist", "Brightwater Dental", "(020) 7946 0108", ""),
    ("Priya Nair", "Reception", "Brightwater Dental", "020 7946 0150", "07700-900-126"),
    ("Samuel Whitfield", "Accounts", "Brightwater Dental", "020 7946 0150", "07700900139"),
    ("Isla MacLeod", "Partner", "Fenwick & Stone", "+44 (0)131 496 0129", ""),
    ("Callum Reid", "Project architect", "Fenwick & Stone", "0131-496-0136", "0044 7700 900165"),
    ("Eilidh Fraser", "Office manager", "Fenwick & Stone", "01314960143", "07700 900178"),
    ("Rory Sinclair", "Surveyor", "Fenwick & Stone", "+44.131.496.0150", ""),
    ("Beth Ackroyd", "Head of purchasing", "Calder Valley Foods", "tel:+44-113-496-0157", "07700-900-204"),
    ("Daniel Hirst", "Plant manager", "Calder Valley Foods", "0113 496 0164", "07700900217"),
    ("Meera Joshi", "Quality", "Calder Valley Foods", "(0113) 496 0171", ""),
    ("Tom Sugden", "Sales director", "Calder Valley Foods", "+44 113 496 0178", "0044 7700 900243"),
    ("Grace Holloway", "Producer", "Northlight Studios", "0044 161 496 0185", "07700 900256"),
    ("Leon Baptiste", "Creative director", "Northlight Studios", "+44 (0)161 496 0192", ""),
    ("Aisha Rahman", "Studio manager", "Northlight Studios", "0161-496-0199", "07700-900-282"),
    ("Jack Turnbull", "Editor", "Northlight Studios", "01614960206", "07700900295"),
    ("Victoria Ashdown", "Managing partner", "Harrow Lane Legal", "+44.20.7946.0213", ""),
    ("Edmund Clarke", "Solicitor", "Harrow Lane Legal", "tel:+44-20-7946-0220", "0044 7700 900321"),
    ("Naomi Feldman", "Solicitor", "Harrow Lane Legal", "020 7946 0227", "07700 900334"),
    ("Robert Quayle", "Office manager", "Harrow Lane Legal", "(020) 7946 0234", ""),
    ("Chidi Okoro", "Founder", "Okoro Logistics", "+44 20 7946 0241", "07700-900-360"),
    ("Amara Okoro", "Operations", "Okoro Logistics", "0044 20 7946 0248", "07700900373"),
    ("Peter Hallam", "Fleet manager", "Okoro Logistics", "+44 (0)20 7946 0255", ""),
    ("Sofia Marinho", "Dispatch", "Okoro Logistics", "020-7946-0262", "0044 7700 900399"),
    ("Jonas Brandt", "Geschäftsführer", "Spreewerk Maschinenbau", "+49 30 23125 134", "+49 171 3920024"),
    ("Katrin Vogel", "Einkauf", "Spreewerk Maschinenbau", "0049 30 23125-135", ""),
    ("Mehmet Yildiz", "Service", "Spreewerk Maschinenbau", "+49 (0)30 23125/136", "+49 (0)171 / 39200 26"),
    ("Anneliese Kuhn", "Buchhaltung", "Spreewerk Maschinenbau", "+49 (30) 23125137", "+49 171 3920027"),
    ("Lukas Huber", "Vertrieb", "Isar Solartechnik", "+49 89 99998 238", ""),
    ("Theresa Aigner", "Projektleitung", "Isar Solartechnik", "+49 (0)89 99998-239", "+49 (0)171 / 39200 29"),
    ("Florian Zöllner", "Technik", "Isar Solartechnik", "0049 89 99998240", "+49 171 3920030"),
    ("Margarete Lang", "Assistenz", "Isar Solartechnik", "+49 89 / 99998 241", ""),
    ("Camille Marchand", "Gérante", "Atelier Marchand", "+33 1 99 00 11 32", ""),
    ("Étienne Dubreuil", "Atelier", "Atelier Marchand", "0033 1 99 00 11 33", ""),
    ("Léa Fontaine", "Commerciale", "Atelier Marchand", "+33 (0)1 99 00 11 34", ""),
    ("Hugo Lemaire", "Achats", "Atelier Marchand", "+33.1.99.00.11.35", ""),
    ("Astrid Nyström", "CEO", "Norrsken Data", "+46 8 465 004 56", "+46 70-174 06 41"),
    ("Erik Sandell", "Platform lead", "Norrsken Data", "+46 (0)8-465 004 57", ""),
    ("Linnea Åberg", "Customer success", "Norrsken Data", "0046 8 465 00458", "+46 70-174 06 43"),
    ("Oskar Wikström", "Finance", "Norrsken Data", "+46 8-46500459", "+46 70-174 06 44"),
    ("Siân Morgan", "Owner", "Penarth Cycles", "+44 (0)29 2018 0381", ""),
    ("Gareth Pugh", "Workshop", "Penarth Cycles", "029-2018-0388", "0044 7700 900633"),
    ("Cerys Bevan", "Marketing", "Penarth Cycles", "02920180395", "07700 900646"),
    ("Dylan Thorne", "Purchasing", "Penarth Cycles", "+44.29.2018.0402", ""),
    ("Dr. Elena Vasquez", "Chief scientist", "Palo Verde Labs", "+1 (202) 555-0164", ""),
    ("Marcus Whitaker", "Procurement", "Palo Verde Labs", "+1-202-555-0165", ""),
    ("Grace Kim", "Lab manager", "Palo Verde Labs", "001 202 555 0166", ""),
    ("Tyler Brooks", "Facilities", "Palo Verde Labs", "+1.202.555.0167", ""),
    ("Nathan Pruitt", "Owner", "Tidewater Marine", "+1 (202) 555-0168", ""),
    ("Carla Espinoza", "Yard manager", "Tidewater Marine", "+1-202-555-0169", ""),
    ("Wade Hollis", "Parts", "Tidewater Marine", "001 202 555 0170", ""),
    ("June Abernathy", "Accounts", "Tidewater Marine", "+1.202.555.0171", ""),
    ("Matilda Wren", "Designer", "Wattle & Gum", "+61 2 5550 1052", ""),
    ("Angus Cartwright", "Nursery", "Wattle & Gum", "+61 (0)2 5550 1053", "+61 491 570 157"),
    ("Ruby Nguyen", "Office", "Wattle & Gum", "0061 2 55501054", "0061 491 570 158"),
    ("Darcy O’Connell", "Sales", "Wattle & Gum", "+61-2-5550-1055", ""),
    ("Imogen Price", "Freelance writer", "", "", "07700-900-828"),
    ("Felix Sommer", "Photographer", "", "", "07700900841"),
    ("Yusuf Demir", "Consultant", "", "", "+44 (0)7700 900 854"),
    ("Clara Whitcombe", "", "", "", "0044 7700 900867"),
    ("Anjali Kapoor", "Potter", "", "020 7946 0934", "07700 900880"),
    ("Dev Kapoor", "", "", "+44 20 7946 0934", ""),
    ("Meena Kapoor", "", "", "(020) 7946-0934", ""),
]

#: What agents may do with records; the supervisor may do everything.
AGENTS_MAY = [f"{action}_{kind}" for action in ("view", "add", "change") for kind in ("contact", "company")]

#: Who works together, and who leads them: name, members, leads.
TEAMS = [("Sales", ("ana", "ben"), ("chris",))]

#: Callers for whom nothing pops up: number, why.
IGNORED = [("+447700900951", "Robot that sells toner")]

#: Who does not want to be called: number, why.
DO_NOT_CALL = [("+441314960150", "Wrote to us in May: by e-mail only")]

#: What can come of a call: name, whether it asks when to follow up.
CALL_OUTCOMES = [("Order", False), ("Question answered", False), ("Call back", True), ("Wrong number", False)]

#: What a call does on the screen: name, conditions, action. The ring group is Sales.
POP_RULES = [
    ("Sales: open the customer", {"direction": "INBOUND", "matches": "one", "context": "RG-70001"}, "open_record"),
    (
        "Sales: open the form for a new one",
        {"direction": "INBOUND", "matches": "none", "context": "RG-70001"},
        "open_form",
    ),
]

#: Title, company, contact, stage, value in euros, days from today on which it is expected to close.
DEALS = [
    ("Twelve headsets and a contract", "Brightwater Dental", "Harriet Blake", "proposal", 4200, 4),
    ("Second surgery in Richmond", "Brightwater Dental", "Oliver Grant", "lead", 9800, 38),
    ("New office, two floors", "Fenwick & Stone", "Isla MacLeod", "qualified", 15600, 21),
    ("Model workshop", "Fenwick & Stone", "Callum Reid", "won", 5400, -12),
    ("Cold chain pilot", "Calder Valley Foods", "Beth Ackroyd", "proposal", 22500, 9),
    ("Site in Huddersfield", "Calder Valley Foods", "Daniel Hirst", "lead", 7100, 45),
    ("Edit suite", "Northlight Studios", "Grace Holloway", "qualified", 11900, 16),
    ("Archive", "Northlight Studios", "Leon Baptiste", "lost", 3000, -20),
    ("Document room", "Harrow Lane Legal", "Victoria Ashdown", "proposal", 18400, 6),
    ("Thirty vans", "Okoro Logistics", "Chidi Okoro", "qualified", 46000, 30),
    ("Dispatch desk", "Okoro Logistics", "Sofia Marinho", "won", 8250, -3),
    ("Werk 2", "Spreewerk Maschinenbau", "Jonas Brandt", "lead", 64000, 75),
    ("Service contract", "Spreewerk Maschinenbau", "Mehmet Yildiz", "proposal", 12800, 13),
    ("Solar roof, phase one", "Isar Solartechnik", "Theresa Aigner", "qualified", 39000, 27),
    ("Showroom", "Atelier Marchand", "Camille Marchand", "lead", 6700, 33),
    ("Platform seats", "Norrsken Data", "Erik Sandell", "proposal", 27300, 11),
    ("Winter stock", "Penarth Cycles", "Siân Morgan", "qualified", 5150, 18),
    ("Lab extension", "Palo Verde Labs", "Dr. Elena Vasquez", "lead", 58000, 60),
    ("Two hulls", "Tidewater Marine", "Nathan Pruitt", "qualified", 73500, 52),
    ("Nursery fit-out", "Wattle & Gum", "Matilda Wren", "proposal", 9900, 8),
]

#: Contact, author, days ago, text.
NOTES = [
    ("Harriet Blake", "ana", 1, "Wants the offer split by surgery. Will decide with Oliver at the end of the week."),
    ("Harriet Blake", "ben", 9, "Met at the fair. Ask for her on 020 7946 0101; reception puts everybody on hold."),
    ("Isla MacLeod", "ben", 2, "Plans arrive on Monday. Callum measures the second floor."),
    ("Beth Ackroyd", "ana", 3, "Pilot with two trucks first. Her deputy while she is away: 0113 496 0171."),
    ("Chidi Okoro", "ben", 5, "Board meets on the first. Wants a price per van, not a total."),
    ("Jonas Brandt", "ana", 12, "Spricht lieber Deutsch. Besuch in Berlin im Frühjahr."),
    ("Victoria Ashdown", "ana", 4, "Only call after four. Never leave a message with details."),
    ("Dr. Elena Vasquez", "ben", 7, "Five hours behind us: call after three in the afternoon."),
    ("Grace Holloway", "ben", 6, "Shooting until Thursday, then free."),
    ("Erik Sandell", "ana", 2, "Sent the security questionnaire. 40 seats to start with."),
]

#: Agent, other party's number, inbound, when (minutes ago, or days ago and time of day), seconds of ringing and of
#: talking (0: not answered).
PAST_CALLS: list[tuple[str, str, bool, int | tuple[int, str], int, int]] = [
    ("ana", "441134960164", True, 14, 5, 212),
    ("ben", "442079460241", True, 26, 4, 148),
    ("ana", "441134960171", False, 38, 9, 67),
    ("ana", "442079460227", True, 71, 24, 0),
    ("chris", "12025550166", False, 80, 11, 305),
    ("ana", "493023125135", False, 112, 13, 494),
    ("ana", "442079460101", True, (1, "09:12"), 6, 184),
    ("ana", "441134960157", False, (1, "10:40"), 9, 402),
    ("ben", "441314960129", True, (1, "11:03"), 4, 251),
    ("ana", "442079460213", True, (1, "13:25"), 22, 0),
    ("ana", "442079460213", False, (1, "14:02"), 8, 366),
    ("ben", "493023125134", False, (1, "15:31"), 14, 731),
    ("ben", "12025550164", True, (2, "15:48"), 7, 88),
    ("ana", "442079460150", True, (2, "09:55"), 5, 61),
    ("ben", "442079460241", False, (2, "10:20"), 25, 0),
    ("ben", "447700900999", True, (2, "16:37"), 30, 0),
    ("ana", "442079460101", False, (5, "09:30"), 8, 75),
    ("ben", "441314960136", True, (5, "12:15"), 3, 540),
    ("ana", "46846500457", True, (6, "10:05"), 6, 128),
    ("ben", "anonymous", True, (6, "17:20"), 18, 0),
    ("ana", "441134960178", True, (7, "14:44"), 5, 95),
]

#: Who calls and is called in the history below, the most frequent first: contacts, and some whom nobody knows.
REGULARS = (
    "442079460108",
    "441614960192",
    "442079460262",
    "441314960143",
    "447700900961",
    "12025550165",
    "442079460255",
    "46846500458",
    "441614960199",
    "442920180381",
    "442079460220",
    "447700900974",
)

#: The history around those: days, calls on each weekday at most, and how they spread from 8 to 18 o'clock.
HISTORY_DAYS = 90
BUSY_WEEKDAYS = (34, 30, 26, 28, 24, 5, 0)
BUSY_HOURS = (3, 8, 11, 10, 6, 5, 8, 9, 7, 4, 1)
