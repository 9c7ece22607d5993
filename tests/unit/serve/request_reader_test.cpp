// RequestReader: what it refuses first, then what it reads, whole and byte by byte.
#include "serve/request_reader.hpp"

#include <string>
#include <vector>

#include "catch.hpp"

using namespace whosent;
using namespace whosent::serve;

namespace {

constexpr std::size_t kHeaderBytes = 600;
constexpr std::size_t kBodyBytes = 100;

struct Reading {
    unsigned refused = 0;  // 0: read
    Request request;
    std::string body, left;
    bool keep_alive = false, expects_continue = false, ended = false;
};

Reading read(const std::string& bytes, std::size_t step) {
    Reading reading;
    RequestReader reader(kHeaderBytes);
    std::string buffer;
    const auto refuse = [&](const Refusal& refusal) {
        CHECK(!refusal.why.empty());
        reading.refused = refusal.status;
        return reading;
    };
    std::size_t sent = 0;
    while (reader.state() != RequestReader::State::done) {
        if (reader.state() == RequestReader::State::admit) {
            reading.keep_alive = reader.keep_alive();
            reading.expects_continue = reader.expects_continue();
            if (auto begun = reader.begin_body(kBodyBytes); !begun) return refuse(begun.error());
            continue;
        }
        const auto taken = reader.read(buffer);
        if (!taken) return refuse(taken.error());
        REQUIRE(*taken <= buffer.size());
        REQUIRE(reader.body_bytes() <= kBodyBytes);
        buffer.erase(0, *taken);
        if (reader.state() == RequestReader::State::header || reader.state() == RequestReader::State::body) {
            if (sent == bytes.size()) return reading;
            const std::string_view next = std::string_view(bytes).substr(sent, step);
            buffer += next;
            sent += next.size();
        }
    }
    reading.ended = true;
    reading.body = reader.take_body();
    reading.request = reader.take_request();
    reading.left = buffer + bytes.substr(sent);
    return reading;
}

std::string with(const std::string& fields, const std::string& line = "POST / HTTP/1.1", const std::string& body = {}) {
    return line + "\r\nHost: localhost\r\n" + fields + "\r\n" + body;
}

struct Bad {
    std::string name, bytes;
    unsigned status;
};

std::vector<Bad> bad_requests() {
    using namespace std::string_literals;
    std::vector<Bad> rows = {
        {"bytes that are no text", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(700, 'x'), 400},
        {"no address", "GET\r\n\r\n", 400},
        {"no version", "GET /\r\n\r\n", 400},
        {"another protocol", "GET / SIP/2.0\r\n\r\n", 400},
        {"a version of another form", "GET / HTTP/1\r\nHost: a\r\n\r\n", 400},
        {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"HTTP/2 by prior knowledge", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"HTTP/0.9 by name", "GET / HTTP/0.9\r\n\r\n", 505},
        {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 505},
        {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
        {"an empty host", "GET / HTTP/1.1\r\nHost: \r\n\r\n", 400},
        {"two hosts", with("Host: other\r\n"), 400},
        {"lines end in LF alone", "GET / HTTP/1.1\nHost: a\n\n\r\n\r\n", 400},
        {"a CR within a value", with("X: a\rb\r\n"), 400},
        {"a NUL within a value", with("X: a\0b\r\n"s), 400},
        {"a NUL within the address", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"s, 400},
        {"a space before the colon", with("Content-Length : 5\r\n"), 400},
        {"a space before the name", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
        {"a field without a name", with(": a\r\n"), 400},
        {"a field without a colon", with("Content-Length\r\n"), 400},
        {"a field in two lines", with("X: a\r\n b\r\n"), 400},
        {"the coding in a second line", with("Transfer-Encoding:\r\n chunked\r\n"), 400},
        {"length and coding", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "0\r\n\r\n"), 400},
        {"coding and length", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "POST / HTTP/1.1", "0\r\n\r\n"), 400},
        {"length and a coding that nobody knows", with("Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n"), 400},
        {"two lengths", with("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
        {"the same length twice", with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
        {"two lengths in a list", with("Content-Length: 5, 5\r\n"), 400},
        {"no length", with("Content-Length: \r\n"), 400},
        {"a length with a sign", with("Content-Length: +5\r\n"), 400},
        {"a negative length", with("Content-Length: -1\r\n"), 400},
        {"a hexadecimal length", with("Content-Length: 0x5\r\n"), 400},
        {"a length beyond 64 bits", with("Content-Length: 99999999999999999999999\r\n"), 400},
        {"a length that wraps to 5", with("Content-Length: 18446744073709551621\r\n"), 400},
        {"two codings", with("Transfer-Encoding: gzip, chunked\r\n"), 501},
        {"identity", with("Transfer-Encoding: identity\r\n"), 501},
        {"a coding that is nearly chunked", with("Transfer-Encoding: xchunked\r\n"), 501},
        {"chunked twice", with("Transfer-Encoding: chunked, chunked\r\n"), 501},
        {"chunked in two fields", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
        {"a coding of HTTP/1.0", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.0"), 400},
        {"two media types", with("Content-Type: text/xml\r\nContent-Type: application/zip\r\n"), 400},
        {"two authorizations", with("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400},
        {"an expectation that nobody knows", with("Expect: 200-ok\r\n"), 417},
        {"a path that leads out", "GET /a/../../etc HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a path that leads out, hidden", "GET /%2e%2E/etc HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a path with a slash that leads out, hidden", "GET /..%2fetc HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a backslash", "GET /..%5cetc HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a NUL, hidden", "GET /a%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a line end, hidden", "GET /a%0d%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a cut escape", "GET /a%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"an escape that is none", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a name for a path", "CONNECT example.com:25 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"another scheme", "GET file:///etc HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"a long address", "GET /" + std::string(kHeaderBytes, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
        {"a long address without an end", "GET /" + std::string(5 * kHeaderBytes, 'a'), 414},
        {"a long field", with("X: " + std::string(kHeaderBytes, 'a') + "\r\n"), 431},
        {"a field without an end", "GET / HTTP/1.1\r\nX: " + std::string(5 * kHeaderBytes, 'a'), 431},
        {"a header without an end", "GET / HTTP/1.1\r\n", 431},
        {"empty lines without an end", {}, 414},
        {"an announced body over the bound", with("Content-Length: 101\r\n"), 413},
        {"chunks over the bound", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "40\r\n" + std::string(64, 'a') + "\r\n40\r\n" + std::string(64, 'b')), 413},
        {"a chunk over the bound", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "ffffff\r\n"), 413},
        {"a chunk of 64 bits", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "ffffffffffffffff\r\n"), 413},
        {"a chunk beyond 64 bits", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "10000000000000001\r\n"), 400},
        {"a negative chunk", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "-1\r\n\r\n\r\n"), 400},
        {"a chunk with no size", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "\r\nabcdef\r\n"), 400},
        {"a chunk's size with 0x", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "0x2\r\nab\r\n0\r\n\r\n"), 400},
        {"a chunk without its end", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "2\r\nabcd\r\n0\r\n\r\n"), 400},
        {"a chunk's size ends in LF alone", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "2\nab\r\n0\r\n\r\n"), 400},
        {"an extension without an end", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "2;a=" + std::string(10'000, 'x')), 400},
        {"a trailer without an end", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "0\r\nX: " + std::string(10'000, 'x')), 400},
        {"a trailer with a length", with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "0\r\nContent-Length: 5\r\n\r\n"), 400},
    };
    for (Bad& row : rows) {
        for (int i = 0; i < 200 && row.name == "a header without an end"; ++i) row.bytes += "X" + std::to_string(i) + ": a\r\n";
        for (int i = 0; i < 400 && row.name == "empty lines without an end"; ++i) row.bytes += "\r\n";
    }
    return rows;
}

}  // namespace

TEST_CASE("requests that are refused, whole and in pieces of any size") {
    for (const Bad& row : bad_requests()) {
        for (const std::size_t step : {std::string::npos, std::size_t(1), std::size_t(2), std::size_t(7), std::size_t(100)}) {
            INFO(row.name << ", in steps of " << step);
            CHECK(read(row.bytes, step).refused == row.status);
        }
    }
}

TEST_CASE("requests that end too early are waited for") {
    const std::string whole = with("Content-Type: text/xml\r\nTransfer-Encoding: chunked\r\n", "POST /report HTTP/1.1", "3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\nX: y\r\n\r\n");
    for (std::size_t size = 0; size < whole.size(); ++size) {
        INFO(size);
        for (const std::size_t step : {std::size_t(1), std::string::npos}) {
            const Reading reading = read(whole.substr(0, size), step);
            CHECK(reading.refused == 0);
            CHECK(!reading.ended);
        }
    }
}

TEST_CASE("requests that are read, whole and in pieces of any size") {
    for (const std::size_t step : {std::string::npos, std::size_t(1), std::size_t(2), std::size_t(3), std::size_t(5), std::size_t(11)}) {
        INFO("in steps of " << step);
        const Reading chunked = read("\r\n" + with("Transfer-Encoding: Chunked\r\n", "POST /a%20b/?x=%2e HTTP/1.1", "3\r\nabc\r\n02;x=\"y\"\r\nde\r\n0\r\nHost: z\r\n\r\nGET"), step);
        REQUIRE(chunked.ended);
        CHECK(chunked.request.method == "POST");
        CHECK(chunked.request.path == "/a b/");
        CHECK(chunked.request.query == "x=%2e");
        CHECK(chunked.request.header("host") == "localhost");
        CHECK(chunked.body == "abcde");
        CHECK(chunked.left == "GET");
        CHECK(chunked.keep_alive);

        const Reading announced = read(with("Content-Length: 005\r\nExpect: 100-Continue\r\nConnection: close\r\n", "POST http://localhost/report HTTP/1.1", "abcde\r\nGET"), step);
        REQUIRE(announced.ended);
        CHECK(announced.request.path == "/report");
        CHECK(announced.body == "abcde");
        CHECK(announced.left == "\r\nGET");
        CHECK(announced.expects_continue);
        CHECK(!announced.keep_alive);

        const Reading empty = read(with("Transfer-Encoding: chunked\r\n", "POST / HTTP/1.1", "0\r\n\r\n"), step);
        REQUIRE(empty.ended);
        CHECK(empty.body.empty());

        const Reading old = read("GET http://localhost?a HTTP/1.0\r\nExpect: 100-continue\r\n\r\n", step);
        REQUIRE(old.ended);
        CHECK(old.request.path == "/");
        CHECK(old.request.query.empty() == false);
        CHECK(!old.keep_alive);
        CHECK(!old.expects_continue);

        const Reading bound = read(with("Content-Length: 100\r\n", "POST / HTTP/1.1", std::string(100, 'a')), step);
        REQUIRE(bound.ended);
        CHECK(bound.body.size() == 100);
    }
}
