// Plain records are read by a tree of the reader's own, others by pugixml. A comment in a record is enough to send it the other way, and
// must change nothing.
#include <random>

#include "catch.hpp"
#include "parse/dmarc/plain.hpp"
#include "render.hpp"
#include "sample_documents.hpp"

using namespace whosent;
using namespace whosent::parse;

namespace {

std::string through_pugixml(std::string document) {
    constexpr std::string_view kOpen = "<record>";
    for (std::size_t at = document.find(kOpen); at != std::string::npos; at = document.find(kOpen, at + 1)) {
        document.insert(at + kOpen.size(), "<!---->");
    }
    return document;
}

std::string random_element(std::mt19937& random, int depth) {
    static const std::vector<std::string> names = {
        "row",         "source_ip", "count",         "policy_evaluated", "disposition", "dkim",      "spf",          "reason",  "type",
        "comment",     "identifiers", "identities",  "header_from",      "envelope_from", "envelope_to", "auth_results", "domain", "selector",
        "result",      "scope",     "human_result",  "extension",        "x",           "rows",      "Row",          "re",      "a.b-c_d"};
    static const std::vector<std::string> texts = {"",   " ",  "pass",      "Fail",                "none ", "192.0.2.1", "2001:db8::1",
                                                   "12", "-3", "a.example", "\r\n\ttwo words\n", "="};
    const std::string& name = names[random() % names.size()];
    if (random() % 20 == 0) return "<" + name + "/>";
    std::string content = depth > 4 || random() % 3 == 0 ? texts[random() % texts.size()] : std::string();
    if (content.empty() && depth < 6) {
        for (unsigned i = random() % 5; i > 0; --i) content += random_element(random, depth + 1) + (random() % 4 == 0 ? "\n  " : "");
    }
    return "<" + name + ">" + content + "</" + name + ">";
}

}  // namespace

TEST_CASE("What is not plain is left alone") {
    PlainTree tree;
    const std::string slack(PlainTree::kSlack, ' ');
    for (const std::string text : {
             "<record><a>b</a>",
             "<record></records>",
             "<record><a>b</c></record>",
             "<record><a>b</a >",
             "<record>text</record>",
             "<record><a>b<c>d</c></a></record>",
             "<record><a><c>d</c>b</a></record>",
             "<record><a x='1'>b</a></record>",
             "<record><n:a>b</n:a></record>",
             "<record><1>b</1></record>",
             "<record><a>&amp;</a></record>",
             "<record><a>\xc3\xa4</a></record>",
             "<record><a>\x01</a></record>",
             "<record><a>b>c</a></record>",
             "<record><!-- --><a>b</a></record>",
             "<record><a><![CDATA[b]]></a></record>",
             "<record><a><a><a><a><a><a><a><a><a>b</a></a></a></a></a></a></a></a></a></record>",
         }) {
        CAPTURE(text);
        CHECK(tree.read(text + slack, "<record>") == 0);
    }
    const std::string plain = "<record>\r\n <a> b </a><c/><d>\t</d></record>";
    CHECK(tree.read(plain, "<record>") == 0);  // too near to the end of the memory
    const std::string followed = plain + slack;
    REQUIRE(tree.read(followed, "<record>") == plain.size());
    const PlainNode* a = tree.root()->first;
    CHECK(std::string_view(a->text_begin, a->text_size) == " b ");
    CHECK(std::string_view(a->next->name_begin, a->next->name_size) == "c");
    CHECK(a->next->next->text_size == 0);
    CHECK(a->next->next->next == nullptr);
}

TEST_CASE("Both ways of reading a record agree") {
    std::mt19937 random(3);
    for (int i = 0; i < 3000; ++i) {
        std::string records;
        for (int n = 0; n < 3; ++n) {
            records += random() % 3 == 0 ? record_xml(static_cast<std::size_t>(n))
                                         : "<record>" + random_element(random, 1) + random_element(random, 1) + "</record>\n";
        }
        if (i % 3 == 0) {  // and some that are broken, or plain no more
            for (int n = 0; n < 2; ++n) records[random() % records.size()] = "<>/ar\"&\xe4"[random() % 8];
        }
        const std::string document = feedback(records);
        CAPTURE(document);
        const Rendered plain = render(document);
        const Rendered other = render(through_pugixml(document));
        REQUIRE(plain.json == other.json);
        REQUIRE(plain.diagnostics == other.diagnostics);
    }
}
