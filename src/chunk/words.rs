//! Words that tell whether the stop beside them ends a sentence: abbreviations,
//! words that begin sentences, and what stands around numbers, in German and English.

/// What the stop after an abbreviation can mean besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Abbreviation {
    /// Always has something after it and so never ends a sentence: `Dr.`, `z. B.`
    Open,
    /// Ends a sentence only where a word follows that begins one: `Mio.`, `Inc.`
    Either,
    /// Ends an enumeration, and the sentence if a capital follows: `usw.`
    Closing,
    /// An abbreviation only before a number, a word otherwise: `Art. 5`, `No. 10`
    Counted,
}

/// What `token` abbreviates: written without its last stop and, if it has
/// several parts, without spaces between them.
pub(super) fn abbreviation(token: &str) -> Option<Abbreviation> {
    let lists = [
        (OPEN, Abbreviation::Open),
        (EITHER, Abbreviation::Either),
        (CLOSING, Abbreviation::Closing),
        (COUNTED, Abbreviation::Counted),
    ];
    lists.into_iter().find(|(list, _)| has(list, token)).map(|(_, kind)| kind)
}

/// Whether `word` is a function word, which has a capital only where a sentence begins.
pub(super) fn begins_sentences(word: &str) -> bool {
    has(STARTERS, word)
}

/// Whether `word` is what German counts by ordinals: `3. Oktober`, `19. Jahrhundert`.
pub(super) fn takes_ordinal(word: &str) -> bool {
    has(ORDERED, word)
}

/// Whether `word` has a cardinal after it: `Platz 3`, `um 5`.
pub(super) fn takes_cardinal(word: &str) -> bool {
    has(COUNTERS, word)
}

/// Whether `word` has a single letter after it: `Vitamin C`, `Plan B`.
pub(super) fn takes_letter(word: &str) -> bool {
    has(LETTERED, word)
}

/// Whether `word` is a German article or the like, which has a noun phrase after it.
pub(super) fn is_determiner(word: &str) -> bool {
    has(DETERMINERS, word)
}

/// Whether `word` is an English verb of speaking.
pub(super) fn is_speech(word: &str) -> bool {
    has(SPEECH, word)
}

/// Whether `word` is a name that is written with an exclamation mark.
pub(super) fn is_exclaimed_name(word: &str) -> bool {
    has(EXCLAIMED, word)
}

fn has(list: &[&str], word: &str) -> bool {
    list.binary_search(&word).is_ok()
}

/// See [`Abbreviation::Open`]; like every list here in byte order.
const OPEN: &[&str] = &[
    "Abg", "Adm", "Bearb", "Bgm", "Cand", "Capt", "Cmdr", "Col", "Cpl", "Cpt", "D.h", "Det", "Dipl", "Doz", "Dr", "Ew", "Fa", "Fr", "Frl", "Ft", "Gebr", "Gefr", "Geschf", "Gov", "Hg", "Hl", "Hon", "Hptm", "Hr", "Hrn", "Hrsg", "Ing", "Insp", "Kpt", "Lt", "Ltg", "Ltn", "Mag", "Maj", "Mdm", "Messrs", "Mlle", "Mme", "Mr", "Mrs", "Msgr", "Mt", "Mx", "Nr", "Nrn", "Oblt", "Obstlt", "Olt", "Pfr", "Pres", "Priv", "Prof", "Präs", "Pvt", "Rechtsanw", "Red", "Rep", "Rev", "Sekr", "Sen", "Sgt", "Sra", "Srta", "St", "Ste", "Stud", "Supt", "Uffz", "Univ", "Verf", "Vors", "Z.B", "a.k.a", "abzgl", "ahd", "allg", "amerik", "approx", "arab", "ausschl", "b.w", "bayer", "bearb", "bes", "betr", "bezgl", "brit", "bzgl", "bzw", "ca", "cf", "chin", "d.h", "d.i", "dt", "dän", "e.g", "e.v", "ehem", "einschl", "engl", "entspr", "erw", "esp", "europ", "ev", "eventl", "evtl", "excl", "exkl", "franz", "frz", "geb", "gegr", "gem", "gesch", "gest", "gew", "gez", "ggf", "ggfs", "griech", "h.c", "hebr", "hess", "hg", "hist", "hl", "hrsg", "i.A", "i.Auftr", "i.Br", "i.H.v", "i.S.d", "i.S.v", "i.V", "i.V.m", "i.Vgl", "i.d.F", "i.d.R", "i.d.S", "i.e", "i.e.S", "i.q", "i.w.S", "ibid", "incl", "inkl", "insb", "insbes", "ital", "jap", "jur", "jährl", "kaiserl", "kath", "kgl", "lat", "lt", "m.E", "m.W", "m.W.n", "m.a.W", "med", "mhd", "mind", "monatl", "mtl", "n.b", "nat", "niederl", "norw", "o.g", "oec", "p.Adr", "phil", "pol", "poln", "portug", "priv", "prot", "rd", "rer", "resp", "russ", "röm", "schwed", "schweiz", "sog", "sogen", "soz", "span", "spez", "staatl", "stellv", "städt", "sächs", "techn", "tgl", "theol", "theor", "türk", "u.U", "u.d.T", "ungef", "urspr", "v.a", "verb", "verh", "verw", "vgl", "viz", "vorm", "vs", "wg", "wiss", "wtl", "wöch", "z", "z.B", "z.Hd", "z.Hdn", "zit", "zuz", "zw", "zzgl", "Übers", "öff", "österr", "überarb", "übers",
];

/// See [`Abbreviation::Either`].
const EITHER: &[&str] = &[
    "Abk", "Abt", "Ala", "Anl", "Anm", "Apr", "Ariz", "Assn", "Aufl", "Aug", "Ausg", "Ave", "B.A", "B.Sc", "Bem", "Bez", "Bhf", "Bio", "Blvd", "Bros", "Calif", "Chr", "Co", "Colo", "Conn", "Corp", "Dec", "Del", "Dept", "Dez", "Diss", "Dr.h.c", "Dtzd", "Einw", "Esq", "Fax", "Feb", "Febr", "Fla", "Ga", "Gen", "Ges", "Hbf", "Hwy", "Inc", "Ind", "Inst", "Jan", "Jb", "Jg", "Jgg", "Jh", "Jhd", "Jhdt", "Jhs", "Jr", "Jt", "Jul", "Jun", "Kan", "Kfm", "Kl", "Kr", "Krs", "Kt", "Kto", "Ky", "LL.B", "LL.M", "Lfg", "Lkr", "Ln", "Ltd", "M.A", "M.D", "M.Sc", "Mass", "Md", "Mich", "Min", "Minn", "Mio", "Mitgl", "Mrd", "Mrz", "Mär", "Neb", "Nev", "Nov", "Oct", "Okla", "Okt", "Ore", "Pa", "Pck", "Penn", "Pfd", "Ph.D", "Pkg", "Pl", "Rd", "Reg.-Bez", "Sek", "Sep", "Sept", "Sq", "Sr", "Stck", "Std", "Stdn", "Stk", "Str", "Tel", "Tenn", "Tex", "Tsd", "Va", "Verl", "Verz", "Wash", "Whg", "Wis", "Zi", "Zs", "Zschr", "Ztg", "Ztr", "a.D", "a.M", "a.Rh", "a.S", "a.a.O", "a.d", "a.m", "abds", "al", "d.Gr", "d.J", "d.M", "d.O", "d.Ä", "e.G", "e.V", "ed", "eds", "est", "ft", "gal", "hr", "hrs", "i.J", "i.L", "i.O", "i.R", "jr", "jun", "k.A", "kph", "lb", "lbs", "max", "mi", "min", "mins", "mph", "n.Chr", "n.a", "nachm", "o.B", "o.D", "o.J", "oz", "p.P", "p.a", "p.m", "pt", "qt", "s.o", "s.u", "secs", "sen", "sr", "transl", "u.E", "u.a", "u.v.a", "v.Chr", "v.H", "v.T", "yd", "yds", "z.T", "z.Z", "z.Zt", "zzt",
];

/// See [`Abbreviation::Closing`].
const CLOSING: &[&str] = &[
    "dgl", "etc", "f", "ff", "o.Ä", "o.ä", "u.a.m", "u.dergl", "u.dgl", "u.s.f", "u.s.w", "u.v.a.m", "u.v.m", "u.Ä", "u.ä", "usf", "usw",
];

/// See [`Abbreviation::Counted`].
const COUNTED: &[&str] = &[
    "Abb", "Abs", "Abschn", "Aktennr", "Anh", "App", "Apt", "Art", "Aufg", "Az", "BT-Drs", "Bd", "Bde", "Beil", "Bl", "Bldg", "Bsp", "Buchst", "Ch", "Chap", "Di", "Do", "Drs", "Eq", "Eqs", "Erwgr", "Ex", "Fig", "Figs", "Fl", "Fn", "Fri", "Gl", "H", "Hausnr", "Hft", "Joh", "Kap", "Kennz", "Kor", "Lekt", "Lit", "Lk", "Mi", "Mk", "Mo", "Mon", "No", "Nos", "Num", "Op", "Par", "Para", "Pos", "Ps", "Pt", "Randnr", "Rdn", "Rdnr", "Ref", "Rm", "Rn", "Rte", "Rz", "Röm", "S", "Sa", "Sat", "Sch", "Sec", "Sect", "So", "Sp", "Sun", "Tab", "Taf", "Teilbd", "Telefonnr", "Thu", "Thur", "Thurs", "Tit", "Tue", "Tues", "Tz", "Unterabs", "V", "Var", "Ver", "Vers", "Versn", "Vol", "Vols", "Wed", "Z", "Ziff", "Zl", "app", "ch", "chap", "eq", "eqs", "ex", "fig", "fn", "lit", "no", "nos", "num", "op", "p", "par", "para", "pp", "ref", "rm", "sec", "sect", "v", "ver", "vol", "Üb",
];

/// See [`begins_sentences`]. Words that are part of names (`U.S. Open`) or that German
/// also has as nouns (`Morgen`, `Recht`) are left out.
const STARTERS: &[&str] = &[
    "A", "Ab", "Aber", "According", "After", "Alle", "Allen", "Allerdings", "Alles", "Als", "Also", "Although", "Am", "Among", "An", "And", "Angesichts", "Anhand", "Another", "Ans", "Anstatt", "Anyone", "Anything", "Are", "As", "At", "Auch", "Auf", "Aufgrund", "Aufs", "Aus", "Außerdem", "Außerhalb", "Bald", "Because", "Before", "Bei", "Beide", "Beiden", "Beim", "Besonders", "Between", "Bevor", "Bis", "Bisher", "Bislang", "Both", "But", "By", "Can", "Could", "Da", "Dabei", "Dafür", "Dagegen", "Daher", "Dahinter", "Damals", "Damit", "Danach", "Daneben", "Dann", "Daran", "Darauf", "Daraufhin", "Daraus", "Darf", "Darin", "Darum", "Darunter", "Darüber", "Das", "Dass", "Dasselbe", "Davon", "Davor", "Dazu", "Dazwischen", "Dein", "Deine", "Dem", "Demnach", "Den", "Denn", "Dennoch", "Der", "Derjenige", "Derselbe", "Des", "Deshalb", "Despite", "Deswegen", "Dich", "Did", "Die", "Diejenigen", "Dies", "Diese", "Dieselbe", "Diesem", "Diesen", "Dieser", "Dieses", "Dir", "Do", "Doch", "Does", "Dort", "Du", "Durch", "Durfte", "During", "Dürfen", "Each", "Eben", "Ebenso", "Ehe", "Ein", "Eine", "Einem", "Einen", "Einer", "Eines", "Einige", "Einigen", "Einst", "Entweder", "Er", "Erst", "Es", "Etwa", "Etwas", "Euch", "Euer", "Eure", "Even", "Eventually", "Every", "Everybody", "Everyone", "Everything", "Falls", "Fast", "Ferner", "Few", "Finally", "Folglich", "For", "From", "Früher", "Furthermore", "Für", "Ganz", "Gegen", "Gemäß", "Genauso", "Gerade", "Gestern", "Gibt", "Gleichzeitig", "Haben", "Had", "Has", "Hat", "Hatte", "Hatten", "Have", "He", "Hence", "Her", "Here", "Heute", "Hier", "Hingegen", "Hinter", "His", "How", "However", "I", "Ich", "If", "Ihm", "Ihn", "Ihnen", "Ihr", "Ihre", "Ihrem", "Ihren", "Ihrer", "Ihres", "Im", "Immer", "Immerhin", "In", "Indeed", "Indem", "Indes", "Indessen", "Innerhalb", "Ins", "Insbesondere", "Insgesamt", "Instead", "Into", "Inzwischen", "Is", "Ist", "It", "Its", "Ja", "Jede", "Jedem", "Jeden", "Jedenfalls", "Jeder", "Jedes", "Jedoch", "Jemand", "Jene", "Jener", "Jenes", "Jetzt", "Just", "Kann", "Kaum", "Kein", "Keine", "Keinem", "Keinen", "Keiner", "Konnte", "Konnten", "Können", "Later", "Laut", "Leider", "Let", "Man", "Manche", "Mancher", "Manchmal", "Many", "Maybe", "Meanwhile", "Mehrere", "Mein", "Meine", "Meinem", "Meinen", "Meiner", "Mich", "Might", "Mir", "Mit", "Mithilfe", "Mittlerweile", "Moreover", "Most", "Much", "Muss", "Musste", "Must", "My", "Möchte", "Müssen", "Nach", "Nachdem", "Nachher", "Natürlich", "Neben", "Nein", "Never", "Nevertheless", "Nicht", "Nichts", "Nie", "Niemals", "Niemand", "Nobody", "Noch", "Nonetheless", "Not", "Nothing", "Now", "Nun", "Nur", "Ob", "Obgleich", "Obwohl", "Oder", "Offenbar", "Oft", "Often", "Ohne", "On", "Once", "Only", "Or", "Other", "Others", "Otherwise", "Our", "Perhaps", "Schließlich", "Schon", "Sehr", "Sein", "Seine", "Seinem", "Seinen", "Seiner", "Seines", "Seit", "Seitdem", "Seither", "Selbst", "Selten", "Several", "She", "Should", "Sie", "Since", "Sind", "So", "Sobald", "Sodass", "Sofern", "Sogar", "Solange", "Solch", "Solche", "Soll", "Sollen", "Sollte", "Sollten", "Some", "Somebody", "Someone", "Something", "Sometimes", "Somit", "Sondern", "Sonst", "Soon", "Sowie", "Sowohl", "Später", "Statt", "Stattdessen", "Still", "Such", "Tatsächlich", "That", "The", "Their", "Then", "There", "Therefore", "These", "They", "This", "Those", "Though", "Through", "Throughout", "Thus", "Today", "Tomorrow", "Trotz", "Trotzdem", "Um", "Und", "Unless", "Unlike", "Uns", "Unser", "Unsere", "Unserem", "Unseren", "Unserer", "Unter", "Unterdessen", "Until", "Upon", "Usually", "Viele", "Vielen", "Vielleicht", "Vielmehr", "Vom", "Von", "Vor", "Vorher", "Wann", "War", "Waren", "Warum", "Was", "We", "Weder", "Wegen", "Weil", "Welche", "Welchem", "Welchen", "Welcher", "Welches", "Wem", "Wen", "Wenn", "Wer", "Werden", "Were", "Weshalb", "Wessen", "What", "When", "Where", "Whereas", "Whether", "Which", "While", "Who", "Whom", "Whose", "Why", "Wie", "Wieder", "Wieso", "Wir", "Wird", "Wirklich", "With", "Within", "Without", "Wo", "Woher", "Wohin", "Wollen", "Wollte", "Womit", "Woran", "Worauf", "Worin", "Would", "Wovon", "Wozu", "Wurde", "Wurden", "Während", "Yesterday", "Yet", "You", "Zu", "Zudem", "Zuerst", "Zugleich", "Zuletzt", "Zum", "Zunächst", "Zur", "Zuvor", "Zwar", "Zwischen", "Über", "Überdies", "Übrigens",
];

/// See [`takes_ordinal`].
const ORDERED: &[&str] = &[
    "Advent", "Amtszeit", "April", "Auflage", "August", "Bezirk", "Bundesliga", "Dezember", "Drittel", "Etage", "Etappe", "Feber", "Februar", "Folge", "Gang", "Geburtstag", "Generation", "Grad", "Grades", "Halbjahr", "Halbjahres", "Halbzeit", "Instanz", "Jahr", "Jahrestag", "Jahrgang", "Jahrgangs", "Jahrhundert", "Jahrhunderte", "Jahrhunderts", "Jahrtausend", "Jahrtausends", "Januar", "Juli", "Juni", "Jänner", "Kammer", "Klasse", "Kreisliga", "Lebensjahr", "Lebensjahres", "Legislaturperiode", "Lesung", "Liga", "Mai", "Mal", "Minute", "Monat", "März", "November", "Obergeschoss", "Oktober", "Platz", "Quartal", "Quartals", "Rang", "Regionalliga", "Reihe", "Runde", "Satz", "Schuljahr", "Semester", "Senat", "September", "Spielminute", "Spieltag", "Staffel", "Stelle", "Stock", "Stockwerk", "Strafsenat", "Stunde", "Tag", "Teil", "Todestag", "Untergeschoss", "Viertel", "Weltkrieg", "Weltkrieges", "Weltkriegs", "Woche", "Zivilsenat",
];

/// See [`takes_cardinal`].
const COUNTERS: &[&str] = &[
    "Abbildung", "Absatz", "Abschnitt", "Akt", "Android", "Anlage", "Artikel", "Aufgabe", "Ausgabe", "Band", "Bild", "Block", "Etage", "Faktor", "Folge", "Formel", "Frage", "Gleichung", "Gleis", "Gruppe", "Größe", "Halle", "Haus", "Hausnummer", "Heft", "Kanal", "Kapitel", "Klasse", "Lektion", "Level", "Linie", "Modell", "Nummer", "Paragraf", "Paragraph", "Pflegegrad", "Phase", "Platz", "Position", "Punkt", "Rang", "Raum", "Saal", "Schritt", "Seite", "Spalte", "Staffel", "Steuerklasse", "Stock", "Stufe", "Szene", "Tabelle", "Teil", "Tor", "Variante", "Version", "Windows", "Zeile", "Ziffer", "Zimmer", "auf", "etwa", "fast", "gegen", "gleich", "insgesamt", "knapp", "mal", "minus", "nur", "plus", "rund", "um", "unter", "Übung", "über",
];

/// See [`takes_letter`].
const LETTERED: &[&str] = &[
    "Anhang", "Anlage", "Appendix", "Block", "Buchstabe", "Buchstaben", "Category", "Class", "Exhibit", "Faktor", "Form", "Gate", "Grade", "Group", "Gruppe", "Halle", "Haus", "Hepatitis", "Kategorie", "Klasse", "Level", "Liga", "Modell", "Note", "Option", "Part", "Phase", "Plan", "Programmiersprache", "Punkt", "Schedule", "Serie", "Sprache", "Stufe", "Teil", "Terminal", "Typ", "Type", "Variante", "Version", "Vertrag", "Vitamin", "Vitamine", "Zone",
];

/// See [`is_determiner`].
const DETERMINERS: &[&str] = &[
    "Am", "Beim", "Das", "Dem", "Den", "Der", "Des", "Die", "Ein", "Eine", "Einem", "Einen", "Einer", "Im", "Vom", "Zum", "Zur", "am", "beim", "das", "dein", "dem", "den", "der", "des", "die", "diese", "diesem", "diesen", "dieser", "dieses", "ein", "eine", "einem", "einen", "einer", "eines", "ihre", "ihrem", "ihren", "ihrer", "im", "jede", "jedem", "jeden", "jeder", "mein", "meinem", "meinen", "seine", "seinem", "seinen", "seiner", "unser", "unsere", "unserem", "unseren", "vom", "zum", "zur",
];

/// See [`is_speech`].
const SPEECH: &[&str] = &[
    "added", "answered", "asked", "asks", "called", "cried", "demanded", "exclaimed", "insisted", "joked", "laughed", "muttered", "recalled", "replied", "said", "says", "screamed", "shouted", "told", "warned", "whispered", "wondered", "wrote", "yelled",
];

/// See [`is_exclaimed_name`].
const EXCLAIMED: &[&str] = &[
    "Jeopardy", "Joomla", "Yahoo",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_in_order_and_disjoint() {
        let abbreviations = [OPEN, EITHER, CLOSING, COUNTED];
        let others = [STARTERS, ORDERED, COUNTERS, LETTERED, DETERMINERS, SPEECH, EXCLAIMED];
        for list in abbreviations.iter().chain(&others) {
            assert!(list.is_sorted_by(|a, b| a < b), "{list:?}");
        }
        for (at, list) in abbreviations.iter().enumerate() {
            for word in *list {
                assert!(abbreviations[at + 1..].iter().all(|other| !has(other, word)), "{word}");
            }
        }
    }
}
