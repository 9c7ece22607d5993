#include "request_reader.hpp"

#include <algorithm>
#include <array>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <utility>

#include "whosent/base/text.hpp"

namespace whosent::serve {
namespace {

namespace http = boost::beast::http;

// What a chunked message has still to send is "0", CRLF, CRLF at least. Beast's parser must not be called again with less of it: it holds an assertion against that.
constexpr std::size_t kLeastOfChunked = 5;
// A line with the size of a chunk and its extensions, or the trailer: nobody sends either. More than real proxies add.
constexpr std::size_t kChunkLineBytes = 4 * kKiB;

// Fields that mean two things when they stand twice, though Beast takes them.
constexpr std::array<std::string_view, 7> kSingle = {"host", "content-length", "transfer-encoding", "content-type", "authorization", "expect", "content-disposition"};

int hex_digit(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// RFC 3986 section 2.1. Nothing: damaged, or characters that no path of ours has.
std::optional<std::string> decode_path(std::string_view text) {
    std::string path;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char c = text[at];
        if (c == '%') {
            if (at + 2 >= text.size()) return std::nullopt;
            const int high = hex_digit(text[at + 1]), low = hex_digit(text[at + 2]);
            if (high < 0 || low < 0) return std::nullopt;
            c = static_cast<char>(high * 16 + low);
            at += 2;
        }
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '\\') return std::nullopt;
        path += c;
    }
    // A route that takes all below it may look for files there
    for (std::size_t at = path.find('/'); at != std::string::npos; at = path.find('/', at + 1)) {
        const std::string_view segment = std::string_view(path).substr(at + 1, path.find('/', at + 1) - at - 1);
        if (segment == "." || segment == "..") return std::nullopt;
    }
    return path;
}

// RFC 9112 section 3.2: origin form, or the absolute form that a server must accept too; "*" for OPTIONS.
bool read_target(std::string_view target, Request& request) {
    if (target.find('#') != std::string_view::npos) return false;
    if (target == "*") {
        request.path = "*";
        return true;
    }
    if (!target.starts_with('/')) {
        const std::size_t scheme = target.find("://");
        if (scheme == std::string_view::npos || (!iequals(target.substr(0, scheme), "http") && !iequals(target.substr(0, scheme), "https"))) return false;
        const std::size_t path = target.find_first_of("/?", scheme + 3);
        if (path == scheme + 3) return false;
        target = path == std::string_view::npos ? "/" : target.substr(path);
    }
    const std::size_t query = target.find('?');
    auto path = decode_path(target.substr(0, query));
    if (!path) return false;
    request.path = path->empty() ? "/" : std::move(*path);
    if (query != std::string_view::npos) request.query = target.substr(query + 1);
    return true;
}

bool is_number(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 18 && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// "GET / HTTP/2.0": another version, and no garbage.
bool names_other_version(std::string_view bytes) noexcept {
    const std::string_view line = bytes.substr(0, bytes.find('\r'));
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const std::size_t at = line.rfind(" HTTP/");
    if (at == std::string_view::npos) return false;
    const std::string_view version = line.substr(at + 6);
    return version.size() == 3 && is_digit(version[0]) && version[1] == '.' && is_digit(version[2]);
}

}  // namespace

struct RequestReader::Inner {
    explicit Inner(std::size_t bytes) : header_bytes(bytes) {
        parser.header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(bytes, UINT32_MAX)));
        parser.body_limit(boost::none);  // begin_body() knows it
        parser.eager(false);
    }

    http::request_parser<http::string_body> parser;
    std::size_t header_bytes;
    std::size_t header_taken = 0;
    State state = State::header;
    Request request;
    bool chunked = false, expects_continue = false;

    std::expected<std::size_t, Refusal> read_header(std::string_view bytes);
    std::expected<std::size_t, Refusal> read_body(std::string_view bytes);
    // Once the header is whole.
    std::optional<Refusal> check_header();
};

RequestReader::RequestReader(std::size_t header_bytes) : inner_(std::make_unique<Inner>(header_bytes)) {}
RequestReader::~RequestReader() = default;
RequestReader::RequestReader(RequestReader&&) noexcept = default;
RequestReader& RequestReader::operator=(RequestReader&&) noexcept = default;

RequestReader::State RequestReader::state() const noexcept { return inner_->state; }
bool RequestReader::begun() const noexcept { return inner_->parser.got_some(); }
const Request& RequestReader::request() const noexcept { return inner_->request; }
bool RequestReader::keep_alive() const noexcept { return inner_->parser.keep_alive(); }
bool RequestReader::is_http_1_0() const noexcept { return inner_->parser.get().version() < 11; }
bool RequestReader::expects_continue() const noexcept { return inner_->expects_continue; }
bool RequestReader::has_body() const noexcept { return announced_bytes() != std::uint64_t{0}; }
std::size_t RequestReader::body_bytes() const noexcept { return inner_->parser.get().body().size(); }
std::string RequestReader::take_body() { return std::move(inner_->parser.get().body()); }
Request RequestReader::take_request() { return std::move(inner_->request); }

std::optional<std::uint64_t> RequestReader::announced_bytes() const noexcept {
    if (inner_->chunked) return std::nullopt;
    const auto length = inner_->parser.content_length();
    return length ? *length : std::uint64_t{0};
}

std::expected<std::size_t, Refusal> RequestReader::read(std::string_view bytes) {
    if (inner_->state == State::header) return inner_->read_header(bytes);
    if (inner_->state == State::body) return inner_->read_body(bytes);
    return 0;
}

std::expected<std::size_t, Refusal> RequestReader::Inner::read_header(std::string_view bytes) {
    std::size_t taken = 0;
    if (!parser.got_some()) {
        // RFC 9112 section 2.2: an empty line before a request is ignored
        while (bytes.substr(taken).starts_with("\r\n") && header_taken + taken < header_bytes) taken += 2;
        if (bytes.substr(taken) == "\r") return header_taken += taken, taken;
    }
    // Beast holds its limit against what one call sees, and takes field by field
    const std::string_view rest = bytes.substr(taken, header_bytes - std::min(header_bytes, header_taken + taken));
    const bool is_full = rest.size() < bytes.size() - taken;
    boost::beast::error_code error;
    const std::size_t of_fields = rest.empty() ? 0 : parser.put({rest.data(), rest.size()}, error);
    taken += of_fields;
    header_taken += taken;
    // RFC 9112 section 5.2: a field that goes on in a second line is refused, or Beast would join the lines where a proxy may not have
    const std::string_view fields = rest.substr(0, of_fields);
    if (fields.find("\r\n ") != std::string_view::npos || fields.find("\r\n\t") != std::string_view::npos) return std::unexpected(Refusal{400, "a field goes on in a second line"});
    if (error == http::error::need_more) error = {};
    if (error == http::error::header_limit || (!error && !parser.is_header_done() && (is_full || header_taken >= header_bytes))) {
        // Beast may wait for the whole header before it looks at the first line
        if (parser.get().method_string().empty() && rest.find("\r\n") == std::string_view::npos) return std::unexpected(Refusal{414, "the address is too long"});
        return std::unexpected(Refusal{431, "the header is too large"});
    }
    if (error == http::error::bad_version && names_other_version(rest)) return std::unexpected(Refusal{505, "HTTP/1.1 is spoken here"});
    if (error) return std::unexpected(Refusal{400, "this is no request that can be read"});
    if (!parser.is_header_done()) return taken;
    if (auto refusal = check_header()) return std::unexpected(*refusal);
    state = State::admit;
    return taken;
}

std::optional<Refusal> RequestReader::Inner::check_header() {
    const auto& header = parser.get();
    request.method = header.method_string();
    std::array<unsigned, kSingle.size()> seen{};
    for (const auto& field : header) {
        std::string name = to_lower(std::string_view(field.name_string().data(), field.name_string().size()));
        const auto known = std::ranges::find(kSingle, name);
        if (known != kSingle.end() && ++seen[static_cast<std::size_t>(known - kSingle.begin())] > 1) return Refusal{400, "a field that may stand once stands twice"};
        request.headers.emplace_back(std::move(name), std::string(field.value()));
    }
    // RFC 9112 section 3.2
    if (header.version() >= 11 && request.header("host").empty()) return Refusal{400, "a request of HTTP/1.1 names its host"};
    if (!read_target(std::string_view(header.target().data(), header.target().size()), request)) return Refusal{400, "the address cannot be read"};
    // RFC 9112 sections 6.1 and 6.3
    const bool has_length = seen[1] != 0, has_coding = seen[2] != 0;
    if (has_length && has_coding) return Refusal{400, "Content-Length and Transfer-Encoding exclude one another"};
    if (has_length && !is_number(request.header("content-length"))) return Refusal{400, "Content-Length is no number"};
    if (has_coding && header.version() < 11) return Refusal{400, "HTTP/1.0 knows no Transfer-Encoding"};
    if (has_coding && !iequals(request.header("transfer-encoding"), "chunked")) return Refusal{501, "of transfer encodings, only chunked is known here"};
    chunked = has_coding;
    // RFC 9110 section 10.1.1: not of HTTP/1.0
    if (const std::string_view expect = request.header("expect"); !expect.empty() && header.version() >= 11) {
        if (!iequals(expect, "100-continue")) return Refusal{417, "of expectations, only 100-continue is met here"};
        expects_continue = true;
    }
    return std::nullopt;
}

std::expected<void, Refusal> RequestReader::begin_body(std::size_t limit) {
    const auto announced = announced_bytes();
    if (announced && *announced > limit) return std::unexpected(Refusal{413, "the body is larger than this address takes"});
    inner_->parser.body_limit(limit);
    inner_->parser.eager(true);
    inner_->state = has_body() ? State::body : State::done;
    return {};
}

std::expected<std::size_t, Refusal> RequestReader::Inner::read_body(std::string_view bytes) {
    if (bytes.empty() || (chunked && bytes.size() < kLeastOfChunked)) return 0;
    boost::beast::error_code error;
    const std::size_t taken = parser.put({bytes.data(), bytes.size()}, error);
    if (error == http::error::body_limit || error == http::error::buffer_overflow) return std::unexpected(Refusal{413, "the body is larger than this address takes"});
    if (error == http::error::need_more) error = {};
    if (error || (!parser.is_done() && bytes.size() - taken > kChunkLineBytes)) return std::unexpected(Refusal{400, "the body cannot be read"});
    if (parser.is_done()) state = State::done;
    return taken;
}

}  // namespace whosent::serve
