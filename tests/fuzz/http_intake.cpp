// The intake's way from bytes to a message: requests as the server reads them, one behind the other, with its limits; of each, what the intake refuses by its header, whom its token
// speaks for, and the message that is made of it. Bytes in pieces of any size give the same requests, bounds hold, and no answer holds anything of the request.
#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz.hpp"
#include "serve/intake/posted.hpp"
#include "serve/intake/tokens.hpp"
#include "serve/request_reader.hpp"
#include "serve/response.hpp"
#include "whosent/base/text.hpp"

using namespace whosent;
using namespace whosent::serve;

namespace {

constexpr std::size_t kHeaderBytes = 1 * kKiB, kBodyBytes = 4 * kKiB;
constexpr std::string_view kToken = "a-token-for-fuzzing";

const Tokens& tokens() {
    static const Tokens read = [] {
        ::setenv("WHOSENT_FUZZ_TOKEN", std::string(kToken).c_str(), 1);
        const net::SecretSource token{net::SecretSource::Kind::environment, "WHOSENT_FUZZ_TOKEN"};
        auto made = Tokens::read({{"acme", token}});
        fuzz::check(made.has_value(), "the token cannot be read");
        return std::move(*made);
    }();
    return read;
}

void check_response(const Response& response) {
    fuzz::check(response.status >= 400 && response.status < 600, "a refusal that is none");
    const std::string head = head_of(response, false, true);
    fuzz::check(head.ends_with("\r\n\r\n") && head.find("\r\n\r\n") == head.size() - 4, "a head in two parts", head);
}

// What the intake makes of a request.
void check_intake(Request request, std::string body) {
    request.peer = "192.0.2.1";
    request.body = std::make_shared<const std::string>(std::move(body));
    const std::string_view authorization = request.header("authorization");
    const bool is_source = tokens().source_of(authorization).has_value();
    const bool has_token = authorization.size() > 7 && iequals(authorization.substr(0, 7), "bearer ") && trim(authorization.substr(7)) == kToken;
    fuzz::check(is_source == has_token, "let in by another token, or not by the right one", authorization);
    const auto refusal = refuse_by_header(request);
    if (refusal) check_response(*refusal);
    const std::string name = name_of_body(request);
    fuzz::check(!name.empty() && name.size() < 700 && name.find('/') == std::string::npos, "a name that is none", name);
    fuzz::check(is_utf8(name) && printable(name, name.size()) == name, "a name that no line could hold", name);
    const auto message = message_of(request, "https:fuzz", 1, 0, Authenticity::unknown);
    fuzz::check(message.has_value() == !request.body->empty(), "an empty message, or none");
    if (message) fuzz::check(message->bytes == *request.body && message->owner, "the message is not the body");
}

void check_request(const Request& request) {
    fuzz::check(request.path == "*" || request.path.starts_with('/'), "a path that begins with something else", request.path);
    fuzz::check((request.path + "/").find("/../") == std::string::npos && (request.path + "/").find("/./") == std::string::npos, "a path that leads elsewhere", request.path);
    std::size_t bytes = request.method.size() + request.path.size() + request.query.size();
    for (const auto& [name, value] : request.headers) {
        fuzz::check(!name.empty() && name == to_lower(name), "a name of a field", name);
        for (const std::string* text : {&name, &value}) fuzz::check(text->find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos, "a line end in a field", *text);
        bytes += name.size() + value.size();
    }
    fuzz::check(bytes <= kHeaderBytes, "a header over its limit");
}

struct Reading {
    std::vector<std::string> requests;
    unsigned refused = 0;
};

// As the server does: no more in the buffer than is needed, and every request with a reader of its own.
Reading read(std::string_view bytes, std::size_t step, bool with_intake) {
    Reading reading;
    std::string buffer;
    for (;;) {
        RequestReader reader(kHeaderBytes);
        while (reader.state() != RequestReader::State::done) {
            std::optional<Refusal> refusal;
            const bool is_admitted = reader.state() == RequestReader::State::admit;
            if (is_admitted) {
                check_request(reader.request());
                if (auto begun = reader.begin_body(kBodyBytes); !begun) refusal = begun.error();
            } else {
                const auto taken = reader.read(buffer);
                if (taken) {
                    fuzz::check(*taken <= buffer.size(), "more taken than there is");
                    buffer.erase(0, *taken);
                    fuzz::check(reader.body_bytes() <= kBodyBytes, "a body over its limit");
                } else {
                    refusal = taken.error();
                }
            }
            if (refusal) {
                check_response(plain(refusal->status, refusal->why));
                reading.refused = refusal->status;
                return reading;
            }
            const auto state = reader.state();
            if (is_admitted || (state != RequestReader::State::header && state != RequestReader::State::body)) continue;
            if (bytes.empty()) return reading;
            const std::size_t limit = 16 * kKiB;
            fuzz::check(buffer.size() <= step + limit, "a buffer that grows");
            buffer += bytes.substr(0, step);
            bytes.remove_prefix(std::min(step, bytes.size()));
        }
        const bool keep_alive = reader.keep_alive();
        std::string body = reader.take_body();
        Request request = reader.take_request();
        std::string seen = request.method + " " + request.path + "?" + request.query + "\n";
        for (const auto& [name, value] : request.headers) seen += name + ": " + value + "\n";
        reading.requests.push_back(seen + "\n" + body);
        if (with_intake) check_intake(std::move(request), std::move(body));
        if (!keep_alive) return reading;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::text_of(data, size);
    const std::uint64_t hash = fuzz::hash_of(bytes);
    const Reading whole = read(bytes, std::max<std::size_t>(size, 1), true);
    for (const std::size_t step : {std::size_t(1), std::size_t(2 + hash % 15), std::size_t(17 + hash % 500)}) {
        const Reading pieces = read(bytes, step, false);
        fuzz::check(pieces.requests == whole.requests, "pieces give other requests");
        // In pieces a request may be waited for that as a whole is refused, never the other way round
        fuzz::check(whole.refused != 0 || pieces.refused == 0, "pieces are refused where the whole is not");
    }
    return fuzz::kUsed;
}
