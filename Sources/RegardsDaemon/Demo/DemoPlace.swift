/// Where customers of the demo live: how they write their names, what their clocks show.
///
/// Every name is made up from frequent given and family names; no address leaves the domains that RFC 2606
/// reserves for examples.
struct DemoPlace: Sendable {
    /// A name as it is written, and in the letters of a mail address.
    struct Name: Sendable {
        let written: String
        let latin: String
    }

    let locale: String
    let country: String
    let zones: [String]
    let dialling: String
    /// True where the family name comes first and nothing stands between the two.
    let familyFirst: Bool
    let given: [Name]
    let family: [Name]

    private init(
        _ locale: String, _ zones: [String], dialling: String, familyFirst: Bool = false, given: String, family: String
    ) {
        self.locale = locale
        country = String(locale.suffix(2))
        self.zones = zones
        self.dialling = dialling
        self.familyFirst = familyFirst
        self.given = DemoPlace.names(given)
        self.family = DemoPlace.names(family)
    }

    func fullName(given: Name, family: Name) -> String {
        familyFirst ? family.written + given.written : "\(given.written) \(family.written)"
    }

    /// `王=wang` or, for letters that are Latin already, `Luís=luis`; a name without `=` is its own lower case.
    private static func names(_ list: String) -> [Name] {
        list.split(separator: " ").map { entry in
            let parts = entry.split(separator: "=")
            return Name(written: String(parts[0]), latin: parts.count == 2 ? String(parts[1]) : parts[0].lowercased())
        }
    }

    static let all = [
        DemoPlace(
            "de-DE", ["Europe/Berlin"], dialling: "49",
            given: "Jürgen=juergen Käthe=kaethe Anna Lukas Zoë=zoe Björn=bjoern Greta Felix",
            family: "Müller=mueller Weiß=weiss Schäfer=schaefer Vogel Krüger=krueger Brandt"),
        DemoPlace(
            "en-GB", ["Europe/London"], dialling: "44", given: "Siân=sian Oliver Amelia Niamh George Chloë=chloe",
            family: "O'Neill=oneill Hughes Whitfield Patel Ashworth"),
        DemoPlace(
            "en-US", ["America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"], dialling: "1",
            given: "Renée=renee James Aaliyah José=jose Grace Noah Beyoncé=beyonce",
            family: "Nuñez=nunez Johnson Okafor Smith-Jones McCarthy Nguyen"),
        DemoPlace(
            "pt-BR", ["America/Sao_Paulo", "America/Manaus"], dialling: "55",
            given: "Luís=luis João=joao Conceição=conceicao Ana Thaís=thais Antônio=antonio",
            family: "Gonçalves=goncalves Araújo=araujo Souza Magalhães=magalhaes Ramos"),
        DemoPlace(
            "es-MX", ["America/Mexico_City", "America/Tijuana"], dialling: "52",
            given: "Íñigo=inigo Sofía=sofia Begoña=begona Jesús=jesus Ximena",
            family: "Ibáñez=ibanez Hernández=hernandez Peña=pena Cruz"),
        DemoPlace(
            "fr-FR", ["Europe/Paris"], dialling: "33", given: "Éloïse=eloise François=francois Noël=noel Inès=ines Cœlia=coelia",
            family: "Lefèvre=lefevre Château=chateau D'Aboville=daboville Moreau"),
        DemoPlace(
            "cs-CZ", ["Europe/Prague"], dialling: "420", given: "František=frantisek Růžena=ruzena Jiří=jiri Šárka=sarka",
            family: "Wichterlová=wichterlova Dvořák=dvorak Němcová=nemcova Žižka=zizka"),
        DemoPlace(
            "pl-PL", ["Europe/Warsaw"], dialling: "48", given: "Łukasz=lukasz Małgorzata=malgorzata Świętosław=swietoslaw Zofia",
            family: "Wójcik=wojcik Dąbrowska=dabrowska Żak=zak Źrebiec=zrebiec"),
        DemoPlace(
            "tr-TR", ["Europe/Istanbul"], dialling: "90", given: "İbrahim=ibrahim Çiğdem=cigdem Işıl=isil Gökçe=gokce",
            family: "Yıldız=yildiz Şahin=sahin Öztürk=ozturk"),
        DemoPlace(
            "el-GR", ["Europe/Athens"], dialling: "30", given: "Γιώργος=giorgos Ελένη=eleni Νίκος=nikos Σοφία=sofia",
            family: "Παπαδόπουλος=papadopoulos Νικολάου=nikolaou Οικονόμου=oikonomou"),
        DemoPlace(
            "ru-RU", ["Europe/Moscow", "Asia/Yekaterinburg", "Asia/Novosibirsk", "Asia/Vladivostok"], dialling: "7",
            given: "Ольга=olga Дмитрий=dmitry Наталья=natalya Фёдор=fyodor Юлия=yulia",
            family: "Соловей=solovey Чайка=chayka Шевченко=shevchenko Мороз=moroz"),
        DemoPlace(
            "ar-EG", ["Africa/Cairo"], dialling: "20", given: "محمد=mohamed فاطمة=fatma يوسف=youssef نور=nour",
            family: "حسن=hassan عبدالله=abdallah المصري=elmasry"),
        DemoPlace(
            "he-IL", ["Asia/Jerusalem"], dialling: "972", given: "נועה=noa יעקב=yaakov שירה=shira איתי=itay",
            family: "כהן=cohen לוי=levi מזרחי=mizrahi"),
        DemoPlace(
            "hi-IN", ["Asia/Kolkata"], dialling: "91", given: "प्रिया=priya अर्जुन=arjun लक्ष्मी=lakshmi कृष्ण=krishna",
            family: "शर्मा=sharma वर्मा=verma सिंह=singh"),
        DemoPlace(
            "vi-VN", ["Asia/Ho_Chi_Minh"], dialling: "84", given: "Hương=huong Đức=duc Thảo=thao Ánh=anh",
            family: "Nguyễn=nguyen Trần=tran Phạm=pham Đặng=dang"),
        DemoPlace(
            "zh-CN", ["Asia/Shanghai"], dialling: "86", familyFirst: true, given: "小明=xiaoming 丽华=lihua 伟=wei 秀英=xiuying 子轩=zixuan",
            family: "王=wang 李=li 张=zhang 欧阳=ouyang 陈=chen"),
        DemoPlace(
            "zh-TW", ["Asia/Taipei"], dialling: "886", familyFirst: true, given: "淑芬=shufen 志豪=zhihao 雅婷=yating",
            family: "林=lin 黃=huang 張=chang"),
        DemoPlace(
            "ja-JP", ["Asia/Tokyo"], dialling: "81", familyFirst: true, given: "さくら=sakura 健太=kenta 美咲=misaki 翔=sho",
            family: "佐藤=sato 鈴木=suzuki 髙橋=takahashi"),
        DemoPlace(
            "ko-KR", ["Asia/Seoul"], dialling: "82", familyFirst: true, given: "민준=minjun 서연=seoyeon 지우=jiwoo 하은=haeun",
            family: "김=kim 이=lee 박=park"),
        DemoPlace(
            "en-AU", ["Australia/Sydney", "Australia/Perth", "Australia/Adelaide"], dialling: "61",
            given: "Charlotte Jack Matilda Lachlan", family: "Kelly Walker Nguyen Fraser"),
        DemoPlace(
            "en-NZ", ["Pacific/Auckland"], dialling: "64", given: "Aroha Māia=maia Wiremu Isla",
            family: "Tāwhiri=tawhiri Campbell Ngata"),
        DemoPlace(
            "en-US", ["Pacific/Honolulu", "America/Anchorage"], dialling: "1", given: "Leilani Kai Noelani Malia",
            family: "Kealoha Akana Kahale"),
    ]
}
