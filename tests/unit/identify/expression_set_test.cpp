#include "identify/expression_set.hpp"

#include <regex>

#include "catch.hpp"

using whosent::identify::ExpressionSet;

TEST_CASE("expressions that are not understood are refused, and the place is named") {
    const std::pair<std::string, std::string> rows[] = {
        {"", "empty"},
        {"a(b", "`)` is missing at character 4"},
        {"ab)", "`)` without its beginning"},
        {"a[bc", "`]` is missing"},
        {"a[]", "within a class"},
        {"[z-a]", "a range that runs backwards"},
        {"[[:alpha:]]", "within a class"},
        {"*a", "nothing to repeat at character 1"},
        {"a**", "a repetition of a repetition"},
        {"a+?", "a repetition of a repetition"},
        {"a{2", "no count"},
        {"a{x}", "no count"},
        {"a{3,2}", "a count that cannot be"},
        {"a{999}", "a count that cannot be"},
        {"(?=a)b", "a kind of group that is not supported at character 2"},
        {"(?i)a", "a kind of group that is not supported"},
        {"(a)\\1", "an escape that is not supported"},
        {"\\bword", "an escape that is not supported"},
        {"a^b", "an anchor within"},
        {"a\\", "nothing stands behind"},
        {"a}", "without its beginning"},
        {".*", "matches the empty name"},
        {"a?", "matches the empty name"},
        {std::string(257, 'a'), "longer than 256"},
        {"(a|b)*a(a|b){14}", "states are needed"},
        {"(((a{200}){200}){200}){200}", "repeats too much"},
        {std::string(20, '(') + "a" + std::string(20, ')'), "too many groups"},
    };
    for (const auto& [expression, problem] : rows) {
        INFO(expression);
        ExpressionSet set;
        const auto added = set.add(expression, 1);
        REQUIRE_FALSE(added);
        CHECK(added.error().find(problem) != std::string::npos);
    }
}

TEST_CASE("one automaton says of every expression what std::regex says of it alone") {
    const std::vector<std::string> expressions = {"k1",          "k[12]",         "s1|s2",         "\\d{14}pm",   "[a-z2-7]{8}",      "selector[12]-.+-example-com", "hs[12]-\\d{4,10}",
                                                  "pps\\w+",     "20(15|16)\\d{2}", "zoho\\w*",      "(ab|cd)+e?",  "x{2,}",            "a\\.b\\-c",                   "[^a-z]{2}",
                                                  "(a|b)*abb",   "(?:mg|em)\\d{0,3}", "^anchored$",  "t(o(p|t)|i(p|n))?s", "_\\w{3}", "cm|cm2|cm3"};
    ExpressionSet set;
    std::vector<std::regex> alone;
    for (std::size_t i = 0; i < expressions.size(); ++i) {
        REQUIRE(set.add(expressions[i], static_cast<std::uint32_t>(i)));
        alone.emplace_back(expressions[i]);
    }
    REQUIRE(set.compile());
    std::vector<std::string> texts = {"",    "k1",  "K1",     "k2", "k3",    "s1",      "20230101123456pm", "2023010112345pm", "abcdefg2", "abcdefg1", "selector1-tenant-example-com",
                                      "selector1--example-com", "hs1-1234", "hs2-12345678901", "pps", "ppsx", "201599", "zoho", "zoho_1", "ababcde", "e", "x", "xxxxxx", "a.b-c", "axb-c",
                                      "12", "1a", "abb", "babaabb", "mg", "em123", "em1234", "anchored", "tops", "tins", "ts", "_abc", "_ab", "cm3", "cm4"};
    // … and texts at random of the letters that matter
    std::uint32_t random = 7;
    for (int i = 0; i < 3'000; ++i) {
        std::string text;
        for (unsigned n = (random >> 20) % 9; n > 0; --n) {
            random = random * 1'664'525 + 1'013'904'223;
            text += "abcdek12spm5xz-._"[(random >> 16) % 17];
        }
        random = random * 1'664'525 + 1'013'904'223;
        texts.push_back(text);
    }
    std::size_t matched = 0;
    for (const std::string& text : texts) {
        std::vector<std::uint32_t> expected;
        std::string lower = text;
        for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
        for (std::size_t i = 0; i < alone.size(); ++i) {
            if (std::regex_match(lower, alone[i])) expected.push_back(static_cast<std::uint32_t>(i));
        }
        const auto found = set.match(text);
        INFO(text);
        CHECK(std::vector<std::uint32_t>(found.begin(), found.end()) == expected);
        matched += expected.size();
    }
    CHECK(matched > 100);
}

TEST_CASE("a text over four full labels matches nothing and bytes that are no letters do no harm") {
    ExpressionSet set;
    REQUIRE(set.add("a.+", 1));
    REQUIRE(set.compile());
    CHECK(set.match(std::string(252, 'a')).size() == 1);
    CHECK(set.match(std::string(253, 'a')).empty());
    CHECK(set.match(std::string("a\0\xff\n", 4)).size() == 1);
    CHECK(set.match(std::string("\0a", 2)).empty());
}
