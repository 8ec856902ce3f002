//! Laws of lexical search: word forms, compounds, unknown names, languages.

use std::collections::BTreeSet;

use passim::{Article, Error, Language, Mode, Query, Retriever, Role};
use passim_testkit::{FakeEmbedder, corpus};

use crate::sample_corpus::keys;

fn retriever(articles: &[(&str, &str)]) -> Retriever {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(articles.iter().map(|(key, text)| Article::new(*key, *text))).unwrap();
    retriever
}

#[test]
fn inflected_and_compound_words_match() {
    let retriever = retriever(&[
        ("modell", "Das neue Sprachmodell wurde gestern vorgestellt."),
        ("haus", "In den Häusern am Hang wohnen Weinbauern."),
        ("straße", "Die STRASSE wird bis Mai gesperrt."),
        ("gpt", "GPT-4 kostet 3,50 Euro im Monat."),
        ("bog", "The bogs were drained for farming."),
    ]);
    for (question, key) in [
        ("Modelle", "modell"),
        ("Haus", "haus"),
        ("Straßen", "straße"),
        ("GPT-4", "gpt"),
        ("3,50", "gpt"),
        ("draining a bog", "bog"),
        ("WEINBAUER", "haus"),
    ] {
        let hits = retriever.search(Query::new(question).mode(Mode::Lexical)).unwrap();
        assert_eq!(keys(&hits).first(), Some(&key), "{question}");
    }
    let none = retriever.search(Query::new("Quantencomputer").mode(Mode::Lexical)).unwrap();
    assert!(none.is_empty() && none.is_complete());
}

/// Pairs of German nouns that differ in letters which are endings or umlauts of other nouns.
const UNRELATED: &str = "\
    Bus/Busen Kur/Kurs Herd/Herde Rat/Ratte Bürger/Burger Bürger/Burg Küche/Kuchen Bär/Bar \
    Tür/Tour Mais/Mai Kern/Kerl Hals/Hall Gans/Ganove Zins/Zinn Fels/Fell Wal/Wald Wal/Wahl \
    Bau/Bauer Mode/Modem Rast/Raster Post/Posten Post/Poster Last/Laster Haft/Hafen Note/Not \
    Rind/Rinde Wind/Windel Masse/Maß Bus/Buße Ritter/Ritt Gatte/Gatter Kutte/Kutter Kost/Kosten \
    Säge/Sage Schale/Schal Kohle/Kohl Lage/Lager Rolle/Roller Keller/Kelle Kammer/Kamm \
    Messer/Messe Band/Bande Sünde/Sund Karte/Karton Kante/Kanton Kabel/Kabine Pass/Passage \
    Part/Partei Form/Formel Formation/Format Nation/Natur Station/Statue Aktie/Akte Akt/Akte \
    Takt/Taktik Museum/Muse Mus/Muse Universität/Universum Kapital/Kapitel Kapital/Kapitän \
    Minister/Ministerium Organ/Orgel General/Generation Moment/Monument Student/Studie \
    Direktor/Direktion Motor/Motiv Auto/Autor Pilot/Pilz Atom/Atem Firma/Firmament Album/Albino \
    Radio/Radius Stadt/Staat Städte/Stätte Mark/Marke Mark/Markt Park/Parka Bank/Bankett \
    Stück/Stuck Rücken/Ruck Lücke/Luke Hütte/Hut Blüte/Blut Wüste/Wust Küste/Kuss Bühne/Buhne \
    Höhle/Hölle Möhre/Mohr Käse/Kasse Ärger/Ära Träne/Tran Fähre/Fahrt Ehre/Ähre Jäger/Jagd \
    Täter/Tat Falle/Fall Ballen/Ball Welle/Welt Stelle/Stall Stille/Stil Ziel/Ziegel \
    Spiel/Spiegel Seele/See Heer/Herr Moor/Mohr Ohr/Uhr Tor/Torte Ton/Tonne Sohn/Sonne Bahn/Bann \
    Lamm/Lama Schiff/Schilf Wolf/Wolle Wolke/Volk Turm/Türke Zug/Zügel Krug/Krieg Flug/Flügel \
    Pflug/Pflege Säule/Saal Lied/Lid Lied/Glied Mund/Münze Grund/Gründer Kind/Kinn Kunde/Kunst \
    Ring/Ringer Engel/Enge Angel/Angst Mangel/Mangold Nagel/Nager Vogel/Vogt Kugel/Kuh \
    Insel/Insekt Hotel/Hostel Artikel/Artist Mittel/Mitte Gürtel/Gurt Beutel/Beute \
    Schüssel/Schuss Schlüssel/Schluss Nessel/Nest Wechsel/Wachs Krebs/Krepp Puls/Pult Keks/Kegel \
    Fuchs/Fuchtel Lachs/Lache Gips/Gipfel Mops/Moped Taxi/Taxonomie Tabu/Tabelle Stau/Staub \
    Stau/Stauden Akku/Akt Guru/Gurke Kakadu/Kakao Sofa/Software Oma/Omega Kamera/Kamerad \
    Villa/Ville Pizza/Pizzeria Liga/Ligament Konto/Kontor Risiko/Riss Tempo/Tempel Solo/Sole \
    Lexikon/Lektion Stadion/Station Forum/Form Serum/Serie Visum/Vision Zentrum/Zentner \
    Votum/Vorort Virus/Visier Globus/Glocke Zyklus/Zyklop Bonus/Bohne Modus/Mode Kaktus/Kakao \
    Atlas/Atlantik Mythos/Myrte Praxis/Praline Basis/Basilika Tipp/Typ Herr/Herz Nachbar/Nachbau \
    Ungar/Unrat Thema/Therme Drama/Dromedar Firma/Firnis Kurs/Kurier Zirkus/Zirkel \
    Krokus/Krokodil Kosmos/Kosmetik Gas/Gast Glas/Glatze Gras/Grat Moos/Moor";

/// German compounds of two nouns or of an adjective and a noun, with their parts.
const COMPOUNDS: &str = "\
    Zahnarzt=Zahn+Arzt Krankenversicherung=Kranke+Versicherung Bundesregierung=Bund+Regierung \
    Hauptbahnhof=Haupt+Bahnhof Finanzamt=Finanz+Amt Schulhof=Schule+Hof \
    Regierungschef=Regierung+Chef Autobahn=Auto+Bahn Wohnungsmarkt=Wohnung+Markt \
    Klimaschutz=Klima+Schutz Krankenhaus=Kranke+Haus Arbeitsplatz=Arbeit+Platz \
    Wasserleitung=Wasser+Leitung Strompreis=Strom+Preis Verkehrsminister=Verkehr+Minister \
    Kindergarten=Kinder+Garten Geburtstag=Geburt+Tag Bürgermeister=Bürger+Meister \
    Rathaus=Rat+Haus Bankkonto=Bank+Konto Steuererklärung=Steuer+Erklärung \
    Energiewende=Energie+Wende Luftverkehr=Luft+Verkehr Handschuh=Hand+Schuh Fußball=Fuß+Ball \
    Weltkrieg=Welt+Krieg Volkspartei=Volk+Partei Bildschirm=Bild+Schirm \
    Fensterrahmen=Fenster+Rahmen Türschloss=Tür+Schloss Gartenzaun=Garten+Zaun \
    Küchentisch=Küche+Tisch Kleiderschrank=Kleider+Schrank Bücherregal=Bücher+Regal \
    Zeitungsartikel=Zeitung+Artikel Fernsehsender=Fernseh+Sender Rundfunkgebühr=Rundfunk+Gebühr \
    Postbote=Post+Bote Briefkasten=Brief+Kasten Telefonnummer=Telefon+Nummer \
    Straßenbahn=Straße+Bahn Schienennetz=Schiene+Netz Flughafen=Flug+Hafen Flugzeug=Flug+Zeug \
    Seemann=See+Mann Hafenstadt=Hafen+Stadt Bergwerk=Berg+Werk Kohlengrube=Kohle+Grube \
    Ölpreis=Öl+Preis Gasleitung=Gas+Leitung Atomkraftwerk=Atom+Kraftwerk \
    Kernenergie=Kern+Energie Sonnenenergie=Sonne+Energie Windrad=Wind+Rad Regenwald=Regen+Wald \
    Schneemann=Schnee+Mann Eisbär=Eis+Bär Feuerwehr=Feuer+Wehr Rettungsdienst=Rettung+Dienst \
    Polizeibeamter=Polizei+Beamter Gerichtsurteil=Gericht+Urteil Rechtsanwalt=Recht+Anwalt \
    Staatsanwalt=Staat+Anwalt Strafrecht=Straf+Recht Verfassungsgericht=Verfassung+Gericht \
    Gesetzesentwurf=Gesetz+Entwurf Parteitag=Partei+Tag Wahlkampf=Wahl+Kampf \
    Wahlergebnis=Wahl+Ergebnis Stimmenanteil=Stimme+Anteil Außenminister=Außen+Minister \
    Innenpolitik=Innen+Politik Wirtschaftswachstum=Wirtschaft+Wachstum \
    Handelsabkommen=Handel+Abkommen Exportverbot=Export+Verbot Zollgrenze=Zoll+Grenze \
    Börsenkurs=Börse+Kurs Aktienmarkt=Aktie+Markt Geldpolitik=Geld+Politik Zinssatz=Zins+Satz \
    Haushaltsplan=Haushalt+Plan Steuerzahler=Steuer+Zahler Rentenversicherung=Rente+Versicherung \
    Sozialhilfe=Sozial+Hilfe Kindergeld=Kind+Geld Elternzeit=Eltern+Zeit Jugendamt=Jugend+Amt \
    Altersheim=Alter+Heim Pflegedienst=Pflege+Dienst Arztpraxis=Arzt+Praxis \
    Apothekenkette=Apotheke+Kette Impfstoff=Impf+Stoff Grippewelle=Grippe+Welle \
    Virusinfektion=Virus+Infektion Blutdruck=Blut+Druck Herzinfarkt=Herz+Infarkt \
    Lungenkrebs=Lunge+Krebs Hautkrankheit=Haut+Krankheit Magengeschwür=Magen+Geschwür \
    Knochenbruch=Knochen+Bruch Schülerzahl=Schüler+Zahl Lehrermangel=Lehrer+Mangel \
    Schulbuch=Schule+Buch Klassenzimmer=Klasse+Zimmer Universitätsklinik=Universität+Klinik \
    Studentenwohnheim=Student+Wohnheim Prüfungsangst=Prüfung+Angst \
    Forschungsprojekt=Forschung+Projekt Wissenschaftsrat=Wissenschaft+Rat \
    Bildungspolitik=Bildung+Politik Musikschule=Musik+Schule Konzertsaal=Konzert+Saal \
    Theaterstück=Theater+Stück Filmpreis=Film+Preis Kinobesucher=Kino+Besucher \
    Kunstmuseum=Kunst+Museum Buchmesse=Buch+Messe Romanautor=Roman+Autor \
    Dichterwort=Dichter+Wort Sprachkurs=Sprache+Kurs Sportverein=Sport+Verein \
    Fußballspieler=Fußball+Spieler Torhüter=Tor+Hüter Trainerwechsel=Trainer+Wechsel \
    Olympiastadion=Olympia+Stadion Weltmeister=Welt+Meister Schwimmbad=Schwimm+Bad \
    Skipiste=Ski+Piste Radrennen=Rad+Rennen Tennisplatz=Tennis+Platz Hundeleine=Hund+Leine \
    Katzenfutter=Katze+Futter Pferdestall=Pferd+Stall Kuhmilch=Kuh+Milch \
    Schweinefleisch=Schwein+Fleisch Hühnerei=Huhn+Ei Fischmarkt=Fisch+Markt Vogelnest=Vogel+Nest \
    Bienenhonig=Biene+Honig Schmetterlingsflügel=Schmetterling+Flügel Apfelbaum=Apfel+Baum \
    Birnensaft=Birne+Saft Kartoffelsuppe=Kartoffel+Suppe Tomatensoße=Tomate+Soße \
    Brotmesser=Brot+Messer Buttermilch=Butter+Milch Käsekuchen=Käse+Kuchen \
    Weinflasche=Wein+Flasche Bierglas=Bier+Glas Kaffeetasse=Kaffee+Tasse Teekanne=Tee+Kanne \
    Zuckerdose=Zucker+Dose Salzwasser=Salz+Wasser Pfeffermühle=Pfeffer+Mühle \
    Gemüsesuppe=Gemüse+Suppe Obstsalat=Obst+Salat Reisfeld=Reis+Feld Weizenmehl=Weizen+Mehl \
    Maisfeld=Mais+Feld Milchpulver=Milch+Pulver Steinmauer=Stein+Mauer Holztisch=Holz+Tisch \
    Metallarbeiter=Metall+Arbeiter Goldring=Gold+Ring Silbermünze=Silber+Münze \
    Eisenstange=Eisen+Stange Stahlwerk=Stahl+Werk Glasscheibe=Glas+Scheibe \
    Papierkorb=Papier+Korb Plastiktüte=Plastik+Tüte Lederjacke=Leder+Jacke Wollmütze=Woll+Mütze \
    Sommerkleid=Sommer+Kleid Wintermantel=Winter+Mantel Regenschirm=Regen+Schirm \
    Sonnenbrille=Sonne+Brille Hemdkragen=Hemd+Kragen Hosenbein=Hose+Bein \
    Schuhgeschäft=Schuh+Geschäft Hutschachtel=Hut+Schachtel Motorrad=Motor+Rad \
    Lastwagen=Last+Wagen Autoreifen=Auto+Reifen Benzintank=Benzin+Tank Dieselmotor=Diesel+Motor \
    Fahrradweg=Fahrrad+Weg Verkehrsunfall=Verkehr+Unfall Parkplatz=Park+Platz \
    Ampelschaltung=Ampel+Schaltung Brückenpfeiler=Brücke+Pfeiler Computerspiel=Computer+Spiel \
    Datenschutz=Daten+Schutz Datenbank=Daten+Bank Internetseite=Internet+Seite \
    Softwarefirma=Software+Firma Netzwerk=Netz+Werk Speicherkarte=Speicher+Karte \
    Tastaturkürzel=Tastatur+Kürzel Druckerpapier=Drucker+Papier Bildschirmgröße=Bildschirm+Größe \
    Stadtrat=Stadt+Rat Dorfkirche=Dorf+Kirche Landstraße=Land+Straße Inselgruppe=Insel+Gruppe \
    Küstenschutz=Küste+Schutz Meeresspiegel=Meer+Spiegel Flussufer=Fluss+Ufer Bachlauf=Bach+Lauf \
    Waldbrand=Wald+Brand Baumkrone=Baum+Krone Nachtzug=Nacht+Zug Morgensonne=Morgen+Sonne \
    Abendessen=Abend+Essen Mittagspause=Mittag+Pause Wochenende=Woche+Ende \
    Monatsgehalt=Monat+Gehalt Jahreszeit=Jahr+Zeit Tageszeitung=Tag+Zeitung \
    Stundenlohn=Stunde+Lohn Minutenzeiger=Minute+Zeiger Freundeskreis=Freund+Kreis \
    Familienvater=Familie+Vater Muttersprache=Mutter+Sprache Bruderkrieg=Bruder+Krieg \
    Schwesterpartei=Schwester+Partei Großvater=Groß+Vater Ehepaar=Ehe+Paar \
    Hochzeitsfeier=Hochzeit+Feier Kinderzimmer=Kind+Zimmer Babybett=Baby+Bett \
    Angsthase=Angst+Hase Liebesbrief=Liebe+Brief Hassrede=Hass+Rede Glücksspiel=Glück+Spiel \
    Freudenfest=Freude+Fest Wutbürger=Wut+Bürger Mutprobe=Mut+Probe Traumhaus=Traum+Haus \
    Schlafzimmer=Schlaf+Zimmer Gedankenspiel=Gedanke+Spiel Baustelle=Bau+Stelle \
    Baumarkt=Bau+Markt Dachboden=Dach+Boden Kellertreppe=Keller+Treppe Wandfarbe=Wand+Farbe \
    Deckenlampe=Decke+Lampe Heizungsrohr=Heizung+Rohr Wasserhahn=Wasser+Hahn \
    Stromkabel=Strom+Kabel Lichtschalter=Licht+Schalter Reisebüro=Reise+Büro \
    Hotelzimmer=Hotel+Zimmer Kofferraum=Koffer+Raum Flugticket=Flug+Ticket \
    Passkontrolle=Pass+Kontrolle Zugfahrt=Zug+Fahrt Busfahrer=Bus+Fahrer \
    Schiffsreise=Schiff+Reise Strandurlaub=Strand+Urlaub Berghütte=Berg+Hütte \
    Kriegsschiff=Krieg+Schiff Friedensvertrag=Frieden+Vertrag Waffenruhe=Waffe+Ruhe \
    Soldatengrab=Soldat+Grab Bombenangriff=Bombe+Angriff Panzerfahrer=Panzer+Fahrer \
    Fluchtweg=Flucht+Weg Grenzzaun=Grenze+Zaun Asylrecht=Asyl+Recht \
    Flüchtlingslager=Flüchtling+Lager Kirchensteuer=Kirche+Steuer Gottesdienst=Gott+Dienst \
    Bibelstelle=Bibel+Stelle Pfarreramt=Pfarrer+Amt Klostergarten=Kloster+Garten \
    Engelchor=Engel+Chor Teufelskreis=Teufel+Kreis Himmelreich=Himmel+Reich \
    Seelenheil=Seele+Heil Glaubensfrage=Glaube+Frage Farbton=Farb+Ton Rotwein=Rot+Wein \
    Weißbrot=Weiß+Brot Grünfläche=Grün+Fläche Blauwal=Blau+Wal Schwarzarbeit=Schwarz+Arbeit \
    Hochschule=Hoch+Schule Tiefgarage=Tief+Garage Neubau=Neu+Bau Altstadt=Alt+Stadt \
    Kopfschmerz=Kopf+Schmerz Halsschmerz=Hals+Schmerz Rückenschmerz=Rücken+Schmerz \
    Zahnpasta=Zahn+Pasta Haarschnitt=Haar+Schnitt Augenarzt=Auge+Arzt Ohrring=Ohr+Ring \
    Nasenspray=Nase+Spray Mundschutz=Mund+Schutz Fingerabdruck=Finger+Abdruck";

/// Compounds of three parts, or of a participle or an adjective as a noun, with parts of each.
const LONG_COMPOUNDS: &str = "\
    Rindfleischskandal=Fleisch+Skandal+Rindfleisch Bundestagsabgeordnete=Abgeordnete+Bundestag \
    Arbeitslosenversicherung=Versicherung Coronaimpfung=Impfung \
    Bundestagswahlkampf=Bundestag+Wahl+Kampf Hauptbahnhofsvorplatz=Bahnhof+Vorplatz \
    Krankenhausaufenthalt=Krankenhaus+Aufenthalt Kindergartenplatz=Kindergarten+Platz \
    Fußballweltmeisterschaft=Fußball+Weltmeisterschaft \
    Straßenbahnhaltestelle=Straßenbahn+Haltestelle Kohlekraftwerksbetreiber=Kraftwerk+Betreiber \
    Steuersenkungsgesetz=Steuer+Senkung+Gesetz Mindestlohnerhöhung=Mindestlohn+Lohn+Erhöhung \
    Flugzeugabsturz=Flugzeug+Absturz Handschuhfach=Handschuh+Fach \
    Wasserstofftankstelle=Wasserstoff+Tankstelle Kraftfahrzeugsteuer=Fahrzeug+Steuer \
    Lebensmittelpreis=Lebensmittel+Preis Hochschulreform=Hochschule+Reform \
    Fahrradhändler=Fahrrad+Rad+Händler Schwimmbadsanierung=Schwimmbad+Sanierung \
    Zahnarztpraxis=Zahnarzt+Arzt+Praxis Grundschullehrer=Grundschule+Schule+Lehrer \
    Autobahnbrücke=Autobahn+Brücke Staatsanwaltschaftssprecher=Staatsanwaltschaft+Sprecher \
    Klimaschutzmaßnahme=Klimaschutz+Schutz+Maßnahme Stromnetzausbau=Stromnetz+Netz+Ausbau \
    Windkraftanlage=Windkraft+Kraft+Anlage Erdgasspeicher=Erdgas+Gas+Speicher \
    Meeresspiegelanstieg=Meeresspiegel+Anstieg Regenwaldzerstörung=Regenwald+Wald+Zerstörung \
    Luftverkehrssteuer=Luftverkehr+Verkehr+Steuer Eisenbahnunternehmen=Eisenbahn+Bahn+Unternehmen \
    Wohnungsbauförderung=Wohnungsbau+Wohnung+Förderung Landtagspräsident=Landtag+Präsident \
    Haushaltsausschusssitzung=Haushalt+Ausschuss+Sitzung \
    Arbeitsmarktreform=Arbeitsmarkt+Markt+Reform Datenschutzbehörde=Datenschutz+Schutz+Behörde \
    Lungenentzündungsgefahr=Lungenentzündung+Entzündung+Gefahr \
    Herzinfarktrisiko=Herzinfarkt+Infarkt+Risiko \
    Schweinefleischexport=Schweinefleisch+Fleisch+Export Kalbfleischgericht=Fleisch+Gericht \
    Apfelbaumblüte=Apfelbaum+Baum+Blüte Goldmedaillengewinner=Goldmedaille+Medaille+Gewinner \
    Torschützenkönig=Torschütze+König Weltkriegsbombe=Weltkrieg+Krieg+Bombe \
    Feuerwehreinsatz=Feuerwehr+Einsatz Rettungshubschrauberpilot=Hubschrauber+Pilot \
    Krankenkassenbeitrag=Krankenkasse+Kasse+Beitrag \
    Pflegeversicherungsreform=Pflegeversicherung+Versicherung+Reform \
    Haftpflichtversicherung=Haftpflicht+Versicherung \
    Lebensversicherungsvertrag=Lebensversicherung+Versicherung+Vertrag \
    Berufsunfähigkeitsrente=Berufsunfähigkeit+Rente Grippeschutzimpfung=Impfung+Grippe \
    Masernimpfung=Impfung Coronatest=Test Covidpatient=Patient \
    Landtagsabgeordneter=Abgeordneter+Landtag Bankangestellte=Angestellte+Bank \
    Polizeibeamtin=Beamtin+Polizei Justizbeamter=Beamter+Justiz \
    Vorstandsvorsitzende=Vorsitzende+Vorstand Parteivorsitzender=Vorsitzender+Partei \
    Fraktionsvorsitzende=Vorsitzende+Fraktion Aufsichtsratsvorsitzender=Vorsitzender+Aufsichtsrat \
    Kriegsgefangene=Gefangene+Krieg Strafgefangener=Gefangener Langzeitarbeitslose=Arbeitslose \
    Schwerverletzte=Verletzte Unfallverletzte=Verletzte+Unfall Leichtverletzter=Verletzter \
    Drogenabhängige=Abhängige+Droge Asylsuchende=Suchende+Asyl Klimabeauftragte=Beauftragte+Klima \
    Datenschutzbeauftragter=Beauftragter+Datenschutz Regierungsbeauftragte=Beauftragte+Regierung \
    Erziehungsberechtigte=Berechtigte+Erziehung Wahlberechtigte=Berechtigte+Wahl \
    Steuerpflichtige=Steuer Gewerkschaftsdelegierte=Delegierte+Gewerkschaft \
    Holocaustüberlebende=Überlebende+Holocaust Pflegebedürftige=Bedürftige+Pflege \
    Teilzeitbeschäftigte=Beschäftigte+Teilzeit Geschäftsreisende=Reisende+Geschäft \
    Bahnreisende=Reisende+Bahn Krebskranke=Kranke+Krebs Auslandsdeutsche=Deutsche+Ausland \
    Arbeitslosengeld=Geld+Arbeitslose Arbeitslosenquote=Quote+Arbeitslose \
    Altenpflegerin=Pflegerin Staatsangehörige=Angehörige+Staat \
    Familienangehörige=Angehörige+Familie Bundesangestellter=Angestellter+Bund \
    Tierschutzbeauftragte=Beauftragte+Tierschutz Verkehrstote=Tote+Verkehr Inhaftiertenzahl=Zahl \
    Behindertenwerkstatt=Behinderte+Werkstatt Verwandtenbesuch=Verwandte+Besuch \
    Jugendlichengruppe=Jugendliche+Gruppe Angestelltenverhältnis=Angestellte+Verhältnis \
    Beamtenpension=Beamte+Pension Krankengeld=Kranke+Geld";

/// Words with letters that look like a part and are none.
const NO_PARTS: &str = "\
    Urinstinkt=Urin Staubecken=Ecke Beinhaltung=Bein Altbauten=Baut Neubauten=Baut \
    Blumentopferde=Opfer+Pferd Wachstube=Tube Druckerzeugnis=Zeugnis \
    Abteilungen=Abtei+Lunge Beinhalten=Bein Nachteil=Nacht Nachteile=Nacht+Eile Autorennen=Autor \
    Kulturinstitution=Urin Kampfansage=Fan Transportunternehmen=Sport+Port Fluchtorte=Torte \
    Haustier=Stier Haustiere=Stier Gastronomie=Gas+Gast Eisenbahn=Eis Reisepass=Reis+Eis \
    Baumarkt=Baum Zugereiste=Zug Diskussion=Kuss Beerdigung=Beere Unterhaltung=Haltung \
    Elfenbein=Bein Spargelder=Spargel Talentwässerung=Talent Versandhaus=Sand \
    Druckerei=Ei Bücherei=Ei Erdrücken=Rücken Analphabet=Anal \
    Kursanbieter=Kur Kurswechsel=Kur Enterbung=Ente Nachtisch=Nacht Erblasser=Blasser \
    Verantwortung=Antwort Verhandlung=Handlung Bestattung=Statt Gründerin=Rinder \
    Landesteile=Steile Verdienst=Dienst Gesamtheit=Samt Rebellion=Rebe Versicherung=Sicherung \
    Unterstützung=Stütze Aktentasche=Ente Festessen=Tessen Kirchturmuhr=Murr Musikerleben=Kerl \
    Personalausweis=Nala Studentin=Tinte Brauereien=Reihe Handelsketten=Elster Filmende=Mende \
    Vorträge=Träge Betreuung=Reue Erbeinsetzung=Bein Tagebau=Gebau Stadtteilen=Eile \
    Ministern=Stern Geistern=Stern Fenstern=Stern Meistern=Stern Wintereinbruch=Tereinbruch \
    Arbeiterinnen=Inn+Rinne Gewinnerinnen=Rinne Heimaten=Maat Torfabbau=Fabbau Parkettboden=Kette \
    Bankrott=Rotte Silvesternacht=Ostern Ratten=Rat Wachstumsrate=Tum Gartenerde=Ente \
    Kaffeernte=Fee Urlaubsreife=Laub Gebirgsee=Birg";

/// German nouns that are no compounds of two words.
const SIMPLE: &str = "\
    Restaurant Gesellschaft Transport Kartoffel Verantwortung Information Wissenschaft \
    Entscheidung Abteilung Bewegung Minister Temperatur Dezember Elefant Maschine Freundschaft \
    Botschaft Mannschaft Wirtschaft Eigentum Reichtum Diamant Parlament Argument Regiment \
    Testament Dokument Monument Kultur Garantie Programm Import Export Republik Demokratie \
    Universität Direktor Professor Student Präsident Kandidat Soldat Artikel Kapitel Roman \
    Novelle Gedicht Erzählung Beschreibung Untersuchung Verwaltung Regierung Verfassung \
    Versicherung Behandlung Entwicklung Veranstaltung Vorstellung Ausstellung Einstellung \
    Herstellung Bestellung Darstellung Feststellung Überzeugung Erinnerung Veränderung \
    Verbesserung Vergleich Verhältnis Ergebnis Erlaubnis Gefängnis Geheimnis Zeugnis Bedürfnis \
    Verständnis Finsternis Ereignis Hindernis Sicherheit Freiheit Schönheit Gesundheit Krankheit \
    Wahrheit Einheit Mehrheit Minderheit Vergangenheit Möglichkeit Schwierigkeit Geschwindigkeit \
    Fähigkeit Tätigkeit Persönlichkeit Öffentlichkeit Aufmerksamkeit Gerechtigkeit Einsamkeit \
    Lehrerin Schülerin Ärztin Königin Freundin Präsidentin Kollegin Studentin Bäckerei Druckerei \
    Bücherei Polizei Metzgerei Wissenschaftler Künstler Sportler Politiker Musiker Techniker \
    Mechaniker Amerikaner Italiener Österreicher Europäer Australien Argentinien Norwegen \
    Frankreich Spanien Portugal Berlin Hannover Nürnberg Leipzig Stuttgart Alexander Christian \
    Elisabeth Katharina Sebastian Organisation Situation Generation Funktion Produktion \
    Konstruktion Revolution Institution Tradition Position Kommission Diskussion Explosion \
    Religion Region Million Pension Station Aktion Reaktion Mechanismus Kapitalismus Tourismus \
    Optimismus Journalismus Organismus Rhythmus Algorithmus Zirkus Universum Museum Zentrum \
    Gymnasium Studium Ministerium Publikum Aquarium Aluminium Kriterium Medium Apparat \
    Automat Diplomat Kamerad Salat Spinat Format Plakat Senat Monat Banane Zitrone Melone Orange \
    Schokolade Marmelade Promenade Parade Fassade Blockade";

/// Whether a search by words for each word finds the article of the other, in both directions.
fn match_each_other(retriever: &Retriever, pair: &str) -> [bool; 2] {
    let (first, second) = pair.split_once('/').unwrap();
    [(first, second), (second, first)].map(|(question, wanted)| {
        let hits = retriever.search(Query::new(question).mode(Mode::Lexical).k(1_000)).unwrap();
        assert!(keys(&hits).contains(&question), "{question}");
        keys(&hits).contains(&wanted)
    })
}

/// Returns a corpus with an article for each word of `pairs`, which consists of the word.
fn of_pairs(pairs: &str) -> Retriever {
    let mut retriever = Retriever::in_memory().unwrap();
    let words: BTreeSet<&str> = pairs.split(['/', ' ']).collect();
    retriever
        .add(words.iter().map(|word| Article::new(*word, *word).language(Language::German)))
        .unwrap();
    retriever
}

#[test]
fn unrelated_nouns_do_not_match() {
    let retriever = of_pairs(UNRELATED);
    let pairs: Vec<&str> = UNRELATED.split(' ').collect();
    assert_eq!(pairs.len(), 200);
    let wrong = pairs.into_iter().filter(|pair| match_each_other(&retriever, pair) != [false; 2]);
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}

/// A word with letters that are its parts, or look like parts.
#[derive(Debug)]
struct WordWithParts<'l> {
    word: &'l str,
    /// The letters that a search for them finds the word by.
    found_by: Vec<&'l str>,
    /// The other letters.
    missed_by: Vec<&'l str>,
}

/// Searches for the letters that `list` names for each word, in a corpus of these words.
fn words_with_parts(list: &str) -> Vec<WordWithParts<'_>> {
    let words = list.split(' ').map(|entry| entry.split_once('=').unwrap().0);
    let mut retriever = Retriever::in_memory().unwrap();
    let german = |word: &str| Article::new(word, word).language(Language::German);
    retriever.add(words.map(german)).unwrap();
    let mut searched = Vec::new();
    for entry in list.split(' ') {
        let (word, parts) = entry.split_once('=').unwrap();
        let is_found = |part: &&str| {
            let hits = retriever.search(Query::new(*part).mode(Mode::Lexical).k(1_000)).unwrap();
            keys(&hits).contains(&word)
        };
        let (found_by, missed_by) = parts.split('+').partition(is_found);
        searched.push(WordWithParts { word, found_by, missed_by });
    }
    searched
}

#[test]
fn compounds_are_found_by_their_parts() {
    for (list, compounds, most_missed) in [(COMPOUNDS, 300, 30), (LONG_COMPOUNDS, 102, 10)] {
        let mut words = words_with_parts(list);
        assert_eq!(words.len(), compounds);
        words.retain(|word| !word.missed_by.is_empty());
        println!("{} of {compounds} compounds are missed: {words:?}", words.len());
        assert!(words.len() <= most_missed, "{} {words:?}", words.len());
    }
}

#[test]
fn letters_that_look_like_a_part_do_not_match() {
    let words = words_with_parts(NO_PARTS).into_iter().filter(|word| !word.found_by.is_empty());
    assert_eq!(words.map(|word| word.word).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn irregular_english_plurals_match_their_noun() {
    let pairs = "child/children woman/women businessman/businessmen foot/feet mouse/mice tooth/teeth \
        analysis/analyses criterion/criteria phenomenon/phenomena nucleus/nuclei index/indices \
        wolf/wolves mean/means new/news man/mean speciman/specimen people/person life/lives";
    let mut retriever = Retriever::in_memory().unwrap();
    let words: BTreeSet<&str> = pairs.split(['/', ' ']).filter(|word| !word.is_empty()).collect();
    let english = |word: &&str| Article::new(*word, *word).language(Language::English);
    retriever.add(words.iter().map(english)).unwrap();
    let matched: Vec<&str> = pairs
        .split_whitespace()
        .filter(|pair| match_each_other(&retriever, pair) == [true; 2])
        .collect();
    // Twelve irregular plurals, and the regular one of `mean`.
    assert_eq!(matched.len(), 13, "{matched:?}");
    assert!(!matched.contains(&"new/news") && !matched.contains(&"man/mean"), "{matched:?}");
}

#[test]
fn numbers_are_found_beside_a_currency_and_in_any_language() {
    let retriever = retriever(&[
        ("code", "Der Preis betrug EUR3.470 und wurde nicht erhöht."),
        ("dollars", "2,000 dollars"),
        ("versions", "Release 2.001 of the tool"),
    ]);
    for (question, key) in [("3470", "code"), ("EUR", "code"), ("2000", "dollars")] {
        let hits = retriever.search(Query::new(question).mode(Mode::Lexical)).unwrap();
        assert_eq!(keys(&hits).first(), Some(&key), "{question}");
    }
}

#[test]
fn simple_words_have_no_parts() {
    let words: Vec<&str> = SIMPLE.split(' ').collect();
    assert_eq!(words.len(), 200);
    let mut retriever = Retriever::in_memory().unwrap();
    let german = |word: &&str| Article::new(*word, *word).language(Language::German);
    retriever.add(words.iter().map(german)).unwrap();
    // A word with parts has more than one term, each with its explanation.
    let split = words.iter().filter(|word| {
        let query = Query::new(**word).mode(Mode::Lexical).explain();
        let hits = retriever.search(query).unwrap();
        let explanation = hits.iter().find(|hit| hit.article == **word).unwrap();
        explanation.explanation.as_ref().unwrap().words.len() > 1
    });
    assert_eq!(split.collect::<Vec<_>>(), [&""; 0]);
}

#[test]
fn a_name_outside_the_vocabulary_is_found() {
    let mut retriever = Retriever::in_memory().unwrap();
    retriever.add(corpus::articles(3, 200, 30)).unwrap();
    retriever.add([Article::new("name", "Der Sprecher hieß Xqvorzt und sagte nichts.")]).unwrap();
    let hits = retriever.search("Was sagte Xqvorzt?").unwrap();
    assert_eq!(hits[0].article, "name");
}

#[test]
fn lexical_mode_embeds_no_question() {
    let model = FakeEmbedder::new(16).refusing(Role::Query);
    let mut retriever = Retriever::builder().embedder(model).in_memory().unwrap();
    retriever.add(corpus::samples()).unwrap();
    let words = || Query::new("Was speichern Moore?").mode(Mode::Lexical);
    let hits = retriever.search(words()).unwrap();
    assert!(!hits.is_empty());
    assert_eq!(retriever.search_many(&[words(), words()]).unwrap(), [hits.clone(), hits]);
    assert!(matches!(retriever.search("Was speichern Moore?"), Err(Error::Cancelled)));
}

#[test]
fn a_language_is_declared_or_detected() {
    let mut retriever = Retriever::in_memory().unwrap();
    let german = "Die Moore speichern viel Kohlenstoff, und das schon seit der letzten Eiszeit.";
    let english = "Peat bogs store a lot of carbon, and they have done so since the ice age.";
    retriever
        .add([
            Article::new("de", german),
            Article::new("en", english),
            Article::new("declared", "Die Handy Show").language(Language::English),
        ])
        .unwrap();
    let hits = retriever.search(Query::new("Kohlenstoff").k(3)).unwrap();
    let language = |key: &str| hits.iter().find(|hit| hit.article == key).unwrap().language;
    assert_eq!(language("de"), Some(Language::German));
    assert_eq!(language("en"), Some(Language::English));
    assert_eq!(language("declared"), Some(Language::English));
    let declared = retriever.article("declared").unwrap().unwrap();
    assert_eq!(declared.language, Some(Language::English));
    assert_eq!(retriever.article("de").unwrap().unwrap().language, None, "not declared");
}
