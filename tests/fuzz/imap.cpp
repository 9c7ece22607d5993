// What an IMAP server sends: the input is the bytes of a connection. However they are cut, the responses are the same; literals and lines keep their bounds; what is quoted of them names
// nobody; sets of UIDs and places that can be read are written as they were.
#include <algorithm>
#include <string>
#include <vector>

#include "collect/imap/command.hpp"
#include "collect/imap/fetched.hpp"
#include "collect/imap/ledger.hpp"
#include "collect/imap/mailbox_name.hpp"
#include "collect/imap/reader.hpp"
#include "collect/imap/server_words.hpp"
#include "fuzz.hpp"

using namespace whosent;
using namespace whosent::collect::imap;

namespace {

constexpr std::size_t kLiteralBytes = 200;

void render(const Value& value, std::string& out, std::size_t& kept) {
    out += static_cast<char>('0' + static_cast<int>(value.kind));
    out += std::to_string(value.size) + value.text + '\0';
    kept += value.kind == Value::Kind::string && value.size > 0 ? value.text.size() : 0;
    fuzz::check(value.kind == Value::Kind::string || value.size == 0 || value.kind == Value::Kind::too_large, "a size of what has none");
    for (const Value& item : value.list) render(item, out, kept);
    out += ')';
}

std::string render(const Response& response) {
    std::string out;
    std::size_t kept = 0;
    out += static_cast<char>('0' + static_cast<int>(response.kind));
    out += static_cast<char>('0' + static_cast<int>(response.status));
    out += response.tag + '\0' + response.name + '\0' + (response.number ? std::to_string(*response.number) : "-") + '\0' + response.code + '\0' + response.text + '\0';
    for (const Value& value : response.values) render(value, out, kept);
    fuzz::check(kept <= kLiteralBytes, "literals over their bound");
    kept = 0;
    for (const Value& value : response.code_values) render(value, out, kept);
    fuzz::check(kept == 0, "a literal in a code");
    fuzz::check((response.kind == Response::Kind::tagged) == !response.tag.empty(), "a tag where none is, or none");
    fuzz::check(response.kind != Response::Kind::tagged || response.status != Response::Status::none, "a command that ends with nothing");
    return out;
}

std::string read(std::string_view bytes, std::size_t step) {
    ResponseReader reader(kLiteralBytes);
    std::string out;
    while (!bytes.empty()) {
        std::string_view part = bytes.substr(0, step);
        bytes.remove_prefix(part.size());
        for (;;) {
            auto response = reader.next(part);
            if (!response) {
                fuzz::check_error(response.error());
                return out + "error " + response.error().message;
            }
            if (!*response) break;
            fuzz::check(reader.at_start(), "within a response behind its end");
            out += render(**response) + '\n';
        }
        fuzz::check(part.empty(), "bytes that are left over");
    }
    return out + (reader.at_start() ? "" : "…");
}

void read_each(std::string_view bytes) {
    const std::vector<std::string> secrets = {"user@example.com", "secret"};
    ResponseReader reader(kLiteralBytes);
    for (;;) {
        auto response = reader.next(bytes);
        if (!response || !*response) return;
        const std::string words = server_words((*response)->text, secrets);
        fuzz::check(words.size() < 250, "long words", words);
        fuzz::check_no_person(words);
        const auto told = throttled(**response);
        fuzz::check(!told || (*told >= std::chrono::milliseconds(0) && *told <= kMostToldBackOff), "a time that nobody waits");
        const Fetched fetched = read_fetched(std::move(**response));
        fuzz::check(!fetched.body || fetched.body->size() <= kMaxLine + kLiteralBytes, "a body over its bound");
        fuzz::check(!fetched.too_large || *fetched.too_large > 0, "too large without bytes");
    }
}

void write_line(std::string_view line) {
    Command command("LOGIN");
    command.string(line).mailbox(line);
    if (const auto parts = command.parts("w1")) {
        for (std::size_t i = 0; i < parts->size(); ++i) {
            const std::string& part = (*parts)[i];
            const std::size_t end = part.find_first_of("\r\n");
            fuzz::check(end == part.size() - 2 && part.ends_with("\r\n"), "a command that breaks", part);
            fuzz::check(i + 1 == parts->size() || part.ends_with("}\r\n"), "a literal that is not announced", part);
        }
    }
    if (const auto encoded = encode_mailbox(line)) {
        fuzz::check(std::all_of(encoded->begin(), encoded->end(), [](char c) { return c >= ' ' && c < 0x7F; }), "a name beyond ASCII", *encoded);
    }
    if (const auto ranges = UidRanges::parse(line)) {
        const std::string text = ranges->to_string(SIZE_MAX / 2);
        fuzz::check(UidRanges::parse(text) == *ranges, "ranges that do not come back", text);
    }
    if (auto place = Ledger::parse_place(line)) {
        Ledger ledger;
        ledger.begin(place->uid_validity);
        const std::string identity = place->identity;
        ledger.restore(std::move(*place));
        const std::string text = ledger.place(identity);
        const auto again = Ledger::parse_place(text);
        fuzz::check(again && again->identity == identity && ledger.place(identity) == text, "a place that does not come back", text);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view bytes = fuzz::text_of(data, size);
    const std::string whole = read(bytes, SIZE_MAX);
    const std::size_t step = 1 + fuzz::hash_of(bytes) % 17;
    fuzz::check(read(bytes, step) == whole, "cut otherwise, they are other responses");
    fuzz::check(read(bytes, 1) == whole, "byte by byte, they are other responses");
    read_each(bytes);
    write_line(bytes.substr(0, bytes.find_first_of("\r\n")));
    return fuzz::kUsed;
}
