// gzip members against zlib.
#include <zlib.h>

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "catch.hpp"
#include "serve/feed/gzip.hpp"

using namespace whosent::serve;

namespace {

// Nothing: not one whole member and no more.
std::optional<std::string> expand(const std::string& bytes) {
    z_stream stream{};
    REQUIRE(::inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(bytes.size());
    std::string out;
    int result = Z_OK;
    while (result == Z_OK) {
        char buffer[65536];
        stream.next_out = reinterpret_cast<Bytef*>(buffer);
        stream.avail_out = sizeof buffer;
        result = ::inflate(&stream, Z_NO_FLUSH);
        out.append(buffer, sizeof buffer - stream.avail_out);
    }
    const bool whole = result == Z_STREAM_END && stream.avail_in == 0;
    ::inflateEnd(&stream);
    return whole ? std::optional(out) : std::nullopt;
}

std::string text_of(std::mt19937& random, std::size_t size, bool noise) {
    std::string text;
    while (text.size() < size) {
        if (noise)
            text += static_cast<char>(random());
        else
            text += "{\"id\":\"" + std::to_string(random() % 1000) + "\",\"class\":\"dmarc.record\"},";
    }
    text.resize(size);
    return text;
}

}  // namespace

TEST_CASE("a damaged member is none") {
    const std::string good = gzip("some text, some text, some text");
    REQUIRE(expand(good) == "some text, some text, some text");
    CHECK(!expand(good.substr(0, good.size() - 1)));
    CHECK(!expand(good + "x"));
    for (std::size_t i = good.size() - 8; i < good.size(); ++i) {
        std::string damaged = good;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        CHECK(!expand(damaged));
    }
}

TEST_CASE("parts make one member, whatever they are cut into") {
    std::mt19937 random(7);
    for (const std::size_t size : {0u, 1u, 2u, 7u, 8u, 100u, 65'535u, 65'536u, 300'000u, 3'000'000u}) {
        for (const bool noise : {false, true}) {
            CAPTURE(size, noise);
            const std::string text = text_of(random, size, noise);
            const std::string at_once = gzip(text);
            CHECK(expand(at_once) == text);
            CHECK(at_once.size() < 100 + (noise ? size + size / 500 : size / 2));
            // Made in any order
            std::vector<std::string> cut;
            for (std::size_t at = 0; at < size;) {
                cut.push_back(text.substr(at, random() % (size / 5 + 2)));
                at += cut.back().size();
            }
            std::vector<GzipPart> parts(cut.size());
            for (std::size_t i = cut.size(); i-- > 0;) parts[i] = compress_part(cut[i]);
            GzipMember member;
            std::string bytes = GzipMember::head();
            for (const GzipPart& part : parts) {
                member.add(part);
                bytes += part.bytes;
            }
            bytes += member.tail();
            CHECK(expand(bytes) == text);
        }
    }
}
