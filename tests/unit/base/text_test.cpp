#include "whosent/base/text.hpp"

#include <string>

#include "catch.hpp"
#include "whosent/base/hash.hpp"

using namespace whosent;

TEST_CASE("malformed UTF-8 is known as such") {
    const std::string text = GENERATE(std::string("\x80"), std::string("\xC3"), std::string("\xC0\xAF"), std::string("\xE0\x80\x80"), std::string("\xED\xA0\x80"),
                                      std::string("\xF4\x90\x80\x80"), std::string("\xF8\x88\x80\x80\x80"), std::string("ok\xFF"));
    CHECK_FALSE(is_utf8(text));
    CHECK(is_utf8(utf8_or_windows1252(text)));
}

TEST_CASE("bytes that are no UTF-8 are read as windows-1252, the rest stays") {
    CHECK(utf8_or_windows1252("M\xFCller \xC3\xBC \x80") == "M\xC3\xBCller \xC3\xBC \xE2\x82\xAC");
    CHECK(utf8_or_windows1252("\x81") == "\xEF\xBF\xBD");
    CHECK(utf8_or_windows1252("plain") == "plain");
}

TEST_CASE("printable text is one line without controls") {
    CHECK(printable(std::string_view("a\nb\0c\x1B[1m\xFF", 10)) == "a\\x0ab\\x00c\\x1b[1m\\xff");
    CHECK(printable("\xC2\x85") == "\\xc2\\x85");
    CHECK(printable("gr\xC3\xBC\xC3\x9F") == "gr\xC3\xBC\xC3\x9F");
    CHECK(printable("abcdef", 3) == "abc\xE2\x80\xA6");
}

TEST_CASE("small ASCII helpers") {
    CHECK(trim(" \t a b\r\n") == "a b");
    CHECK(iequals("Content-Type", "content-type"));
    CHECK_FALSE(iequals("a", "ab"));
    CHECK(to_lower("AbC-1") == "abc-1");
}

TEST_CASE("SHA-256 in one go and in pieces") {
    const Sha256Digest abc = sha256("abc");
    CHECK(to_hex(abc) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    Sha256 hash;
    hash.update("a");
    hash.update("bc");
    CHECK(hash.finish() == abc);
    hash.update("abc");
    CHECK(hash.finish() == abc);
    CHECK(to_hex(key128("abc")) == "ba7816bf8f01cfea414140de5dae2223");
}
