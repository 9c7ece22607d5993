#include "unpack/entity.hpp"

#include "catch.hpp"

using namespace whosent;
using namespace whosent::unpack;

namespace {

Part part_of(std::string_view fields) {
    init_mime();
    return describe(*read_header(fields, 1 << 20));
}

}  // namespace

TEST_CASE("a header over its limit is refused") {
    const std::string header = "A: " + std::string(1000, 'x') + "\r\n\r\n";
    const auto refused = read_header(header, 1000);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == ErrorCode::limit);
    CHECK(refused.error().message.find("header_bytes") != std::string::npos);
    CHECK(read_header(header, 1100));
}

TEST_CASE("where a header ends") {
    struct Row {
        std::string_view entity;
        std::string_view body;
        bool ended;
        bool damaged;
    };
    const auto row =
        GENERATE(Row{"A: b", "", false, false}, Row{"A: b\r\n", "", false, false}, Row{"A: b\r\nCont", "Cont", false, false},
                 Row{"A: b\nno field\nB: c\n\nbody", "body", true, true}, Row{"A: b\nno field\n c\n\nbody", "body", true, true},
                 Row{"A: b\n<?xml?>\n<a>", "<?xml?>\n<a>", true, false}, Row{"A: b\n--x\nC: d\n\ne", "e", true, true},
                 Row{"", "", false, false}, Row{"\nbody", "body", true, false}, Row{"A: b\r\n\r\nbody", "body", true, false},
                 Row{"A: b\n c\n\td\n\nbody", "body", true, false}, Row{"From x y\nA: b\n\nbody", "body", true, false},
                 Row{"A : b\n\nbody", "body", true, false});
    INFO(row.entity);
    const auto header = read_header(row.entity, 1000);
    REQUIRE(header);
    CHECK(header->body == row.body);
    CHECK(header->ended == row.ended);
    CHECK(header->damaged == row.damaged);
}

TEST_CASE("what a part says of itself") {
    struct Row {
        std::string_view fields;
        std::string type;
        std::string name;
        std::string boundary;
    };
    const std::vector<Row> rows = {
        {"X: y\n\n", "", "", ""},
        {"Content-Type:\n\n", "", "", ""},
        {"ContentType: application/zip\n\n", "application/zip", "", ""},
        {"content_type: application/zip\n\n", "application/zip", "", ""},
        {"CONTENT-TYPE: Application/GZIP; NAME=a.gz\n\n", "application/gzip", "a.gz", ""},
        {"Content-Type: application/octet-stream;\n\tname*0=\"mail.example!\";\n\tname*1=\"example.org!1!2.xml.gz\"\n\n",
         "application/octet-stream", "mail.example!example.org!1!2.xml.gz", ""},
        {"Content-Type: application/gzip\nContent-Disposition: attachment; filename*=utf-8''%C3%BC%20%5B1%5D.xml.gz\n\n",
         "application/gzip", "ü [1].xml.gz", ""},
        {"Content-Type: application/zip; name=\"=?utf-8?B?w7wuemlw?=\"\n\n", "application/zip", "ü.zip", ""},
        {"Content-Type: application/zip; name=x.zip\nContent-Disposition: attachment; filename=\"C:\\\\tmp\\\\y [2].zip\"\n\n",
         "application/zip", "y [2].zip", ""},
        {"Content-Type: multipart/mixed; boundary=--boundary_1_a-b\n\n", "multipart/mixed", "", "--boundary_1_a-b"},
        {"Content-Type: multipart/mixed;\r\n boundary=\"a b\"\r\n\r\n", "multipart/mixed", "", "a b"},
    };
    for (const auto& row : rows) {
        INFO(row.fields);
        const auto part = part_of(row.fields);
        CHECK(part.type == row.type);
        CHECK(part.name == row.name);
        CHECK(part.boundary == row.boundary);
    }
    CHECK(part_of("Content-Type: multipart/report; report-type=\"tlsrpt\"; boundary=x\n\n").report_type == "tlsrpt");
    CHECK(read_header("ContentType: a/b\n\n", 100)->misspelt);
    CHECK_FALSE(read_header("Content-type: a/b\n\n", 100)->misspelt);
    CHECK(decode_subject("=?utf-8?B?UmVwb3J0IERvbWFpbjogeA==?=\r\n =?utf-8?Q?_y?=") == "Report Domain: x y");
}

TEST_CASE("plain values are read as GMime reads them") {
    // An escape makes a value one for GMime.
    const std::string escape = "; x=\"\\y\"";
    for (const std::string type :
         {"text", "text/", "/plain", "text/plain;", "text/plain;;", "text/plain; name", "text/plain; name=",
          "text/plain; name=\"\"", "text/plain; name=a b", "text/plain; name=a/b", "text/plain; =a", "text plain", "text/plain/x",
          "text/plain; name=\"a\\\"b\"", "text/plain; name=a; name=b", "text/plain; name=\"=?utf-8?Q?=C3=BC?=\"", "text/plain; name*=utf-8''%C3%BC",
          "text/plain; name=a\"b\"", "text/plain; name=\"a\"b", "text/plain name=a", "text/plain; name=\"a\"; boundary", "text/plain", "Text/PLAIN; NAME=A.gz",
          "text/plain;name=a.gz;boundary=b", "application/gzip; name=\"a!b!1!2.xml.gz\"", "application/gzip; name=a!b!1!2.xml.gz ;",
          "multipart/report; report-type=\"feedback-report\"; boundary=\"----=_Part_1 (x); y\"", "multipart/report; Report-Type=TlsRpt;\r\n\tboundary=_b_"}) {
        INFO(type);
        const auto plain = part_of("Content-Type: " + type + "\r\n\r\n");
        const auto other = part_of("Content-Type: " + type + escape + "\r\n\r\n");
        CHECK(plain.type == other.type);
        CHECK(plain.name == other.name);
        CHECK(plain.boundary == other.boundary);
        CHECK(plain.report_type == other.report_type);
        const auto disposed = [](std::string value) {
            if (value.starts_with("text/plain")) value = "attachment; file" + value.substr(std::min(value.find("name"), value.size()));
            return part_of("Content-Disposition: " + value + "\r\n\r\n").name;
        };
        CHECK(disposed(type) == disposed(type + escape));
    }
    CHECK(part_of("Content-Type: a/b; name=\"x y.gz\"\n\n").name == "x y.gz");
}

TEST_CASE("parts of a multipart body") {
    struct Row {
        std::string_view body;
        std::vector<std::string_view> parts;
        bool closed;
    };
    const std::vector<Row> rows = {
        {"no delimiter", {}, false},
        {"x --b\n--bb\nA: 1\n", {}, false},
        {"--b", {}, false},
        {"--b\none", {"one"}, false},
        {"--b\none\n--b--", {"one"}, true},
        {"pre\r\n--b\r\none\r\n--b  \r\ntwo\r\n\r\n--b--\r\nepilogue", {"one", "two\r\n"}, true},
        {"--b\n--b\n\n--b--", {"", ""}, true},
    };
    for (const auto& row : rows) {
        INFO(row.body);
        PartSplitter splitter(row.body, "b");
        std::vector<std::string_view> parts;
        while (const auto part = splitter.next()) parts.push_back(*part);
        CHECK(parts == row.parts);
        CHECK(splitter.closed() == row.closed);
    }
    CHECK(guess_boundary("text\n--\nsignature").empty());
    CHECK(guess_boundary("--x\n\nContent-Type: a/b").empty());
    CHECK(guess_boundary("pre\r\n--=_1\r\nContent-Type: a/b\r\n") == "=_1");
}
