#include "whosent/dns/dkim_key.hpp"

#include <string>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::dns;

namespace {

// Keys made for these tests alone; nobody has their private halves.
const std::string kRsa512 = "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAM9SKnmZAw0zDuhffuTUsUNoFLlgm0NwgmPZxqkhYLKjAJ6ml9TtYTFDSIarTKKMZBYOrOfblImCCaUvzgG7JK8CAwEAAQ==";
const std::string kRsa1024 =
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0tPMfs8UDluAIwsdFJdQoRcmRT2+Qhzg9lBxJy9Dap8ztaod/5kEeoCBeckbTT0l+O/+Pyk2pfG68iiX3zer8elPhhB+8DBsK1s9IjivR"
    "ycCqGV3mK/ZwzLaHlBYiW5eIMvbMU7JPcwNNyPy7vTvedYs8u6bZTaf865qq4hAmbwIDAQAB";
const std::string kRsa1024Bare =
    "MIGJAoGBALS08x+zxQOW4AjCx0Ul1ChFyZFPb5CHOD2UHEnL0NqnzO1qh3/mQR6gIF5yRtNPSX47/4/KTal8bryKJffN6vx6U+GEH7wMGwrWz0iOK9HJwKoZXeYr9nDMtoeUFiJbl4gy9sxT"
    "sk9zA03I/Lu9O951izy7ptlNp/zrmqriECZvAgMBAAE=";
const std::string kRsa2048 =
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAkPtg4OizTuPibcmPTb3VRH3Ikum+pa7rwOxr3dLJ/Bq8tF0HCljXJS+diV4gCp1eiKb6oP7z5dSUDPejYcN+vVPEUNn7G3nH8p7J"
    "SOKecno88m8jQ7PlStFag1NpWY5JpkEvFhFPMjX5eH+t25Bw1cE2BzNVFvamH6xs6fg2DyLf7nMTsunfOIj7pTvdTlQUxQ/DmuJJK/cXblBZ06k6shHCHhDrWZgtWauxvWZVFmqB2f9seLCm"
    "UsbeU+Tg/EprbEVsBMb/27st8b6h86Xv7Yf/xtwENUBCg+U3DiCNo6eXs6Jpx/w4M8y2CZhERTLsY65tFXrWfDSmriT3WCCmnQIDAQAB";
const std::string kElliptic = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEgZsBVW+K+dj42qDFLDn1nIr5GNwYNBPY5Go2WrBwHE/KuRHAgz2tdY6A3jw3W33X/kCiKB02mBEDzio5eoterw==";
const std::string kEd25519 = "YBkguEd82ZpY1IHqIaO7oHtAFB8+OS2dOohkLQOCgc8=";

}  // namespace

TEST_CASE("what is no DKIM key says why") {
    struct Row {
        std::string record;
        const char* problem;
    };
    const std::vector<Row> rows = {
        {"", "no p="},
        {";;; ;", "no p="},
        {"hello", "without \"=\""},
        {"someone@example.org", "without \"=\": (an address)"},
        {"v=spf1 -all", "v= is not DKIM1"},
        {"v=DKIM1", "no p="},
        {"v=dkim1; p=" + kRsa1024, "v= is not DKIM1"},
        {"v=DKIM2; p=" + kRsa1024, "v= is not DKIM1"},
        {"p=" + kRsa1024 + "; v=DKIM1", "not the first"},
        {"v=DKIM1; p=" + kRsa1024 + "; p=" + kRsa1024, "twice"},
        {"v=DKIM1; p=" + kRsa1024 + "; n=a; n=b", "twice"},
        {"v=DKIM1; P=" + kRsa1024, "no p="},  // tag names are case-sensitive, RFC 6376 section 3.2
        {"v=DKIM1; p=!!", "not base64"},
        {"v=DKIM1; p=QUJD=QUJD", "not base64"},
        {"v=DKIM1; p=QUJDR", "not base64"},
        {"v=DKIM1; p====", "not base64"},
        {"v=DKIM1; p=QUJD", "no RSA key"},
        {"v=DKIM1; p=" + kRsa1024.substr(0, 100), "no RSA key"},
        {"v=DKIM1; p=MIIB" + std::string(40, 'A'), "no RSA key"},
        {"v=DKIM1; p=MIT/////AAAA", "no RSA key"},  // a length of 4 GiB
        {"v=DKIM1; p=MIj/////////////AAAA", "no RSA key"},
        {"v=DKIM1; p=MAYCAQACAQM=", "no RSA key"},  // a modulus of 0
        {"v=DKIM1; p=" + kElliptic, "no RSA key"},
        {"v=DKIM1; p=" + kEd25519, "no RSA key"},
        {"v=DKIM1; k=ed25519; p=" + kRsa1024, "no Ed25519 key"},
        {"v=DKIM1; k=ed25519; p=QUJD", "3 bytes"},
        {"v=DKIM1; h=sha1; p=" + kRsa1024, "sha256"},
        {"v=DKIM1; s=tlsrpt; p=" + kRsa1024, "does not allow mail"},
    };
    for (const Row& row : rows) {
        CAPTURE(row.record);
        const auto key = parse_dkim_key(row.record);
        REQUIRE_FALSE(key);
        CAPTURE(key.error());
        CHECK(key.error().find(row.problem) != std::string::npos);
    }
}

TEST_CASE("a DKIM key tells its kind, its length and its flags") {
    struct Row {
        std::string record, algorithm;
        unsigned bits;
        bool revoked, testing, strict, too_short;
    };
    const std::vector<Row> rows = {
        {"p=" + kRsa1024, "rsa", 1024, false, false, false, false},
        {"v=DKIM1; p=" + kRsa512, "rsa", 512, false, false, false, true},
        {"v=DKIM1; k=rsa; p=" + kRsa2048 + ";", "rsa", 2048, false, false, false, false},
        {" v = DKIM1 ;\tk = RSA ; p = " + kRsa1024.substr(0, 70) + " \r\n " + kRsa1024.substr(70), "rsa", 1024, false, false, false, false},
        {"v=DKIM1; p=" + kRsa1024Bare, "rsa", 1024, false, false, false, false},
        {"v=DKIM1; p=" + kRsa1024Bare.substr(0, kRsa1024Bare.size() - 1), "rsa", 1024, false, false, false, false},  // '=' forgotten
        {"v=DKIM1; t=y:s; p=" + kRsa1024, "rsa", 1024, false, true, true, false},
        {"v=DKIM1; t=y; p=" + kRsa1024, "rsa", 1024, false, true, false, false},
        {"v=DKIM1; t=s ; h=sha1 : sha256; s=email; n=a note with = in it; x=unknown; p=" + kRsa1024, "rsa", 1024, false, false, true, false},
        {"v=DKIM1; s=*; p=" + kRsa1024, "rsa", 1024, false, false, false, false},
        {"v=DKIM1; k=ed25519; p=" + kEd25519, "ed25519", 256, false, false, false, false},
        {"v=DKIM1; k=falcon; p=QUJD", "falcon", 0, false, false, false, false},
        {"v=DKIM1; p=", "rsa", 0, true, false, false, false},
        {"v=DKIM1; k=rsa; p= ; t=s", "rsa", 0, true, false, true, false},
    };
    for (const Row& row : rows) {
        CAPTURE(row.record);
        const auto key = parse_dkim_key(row.record);
        if (!key) FAIL(key.error());
        CHECK(key->algorithm == row.algorithm);
        CHECK(key->bits == row.bits);
        CHECK(key->revoked == row.revoked);
        CHECK(key->testing == row.testing);
        CHECK(key->strict_identity == row.strict);
        CHECK(key->too_short() == row.too_short);
        CHECK((key->fingerprint == Key128{}) == row.revoked);
    }
}

TEST_CASE("the same key has the same fingerprint in whatever form it is written, another has another") {
    const auto of = [](const std::string& record) { return parse_dkim_key(record)->fingerprint; };
    CHECK(of("p=" + kRsa1024) == of("v=DKIM1; n=note; p=" + kRsa1024.substr(0, 9) + " " + kRsa1024.substr(9)));
    CHECK(of("p=" + kRsa1024) == of("p=" + kRsa1024Bare));
    CHECK(of("p=" + kRsa1024) != of("p=" + kRsa2048));
    CHECK(of("p=" + kRsa1024) != of("p=" + kRsa512));
    CHECK(of("k=ed25519; p=" + kEd25519) != of("k=ed25519; p=" + std::string("Z") + kEd25519.substr(1)));
}
