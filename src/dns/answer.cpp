#include "whosent/dns/answer.hpp"

#include <algorithm>

#include "whosent/base/text.hpp"

namespace whosent::dns {
namespace {

constexpr std::size_t kMaxName = 253;  // RFC 1035 section 2.3.4, without the root's dot
constexpr std::size_t kMaxLabel = 63;

bool is_normalised(std::string_view name) noexcept {
    return !name.ends_with('.') && std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

}  // namespace

std::string_view name_of(Type type) noexcept {
    switch (type) {
        case Type::a: return "A";
        case Type::mx: return "MX";
        case Type::ptr: return "PTR";
        case Type::txt: return "TXT";
        case Type::aaaa: return "AAAA";
    }
    return "";
}

std::string_view name_of(Status status) noexcept {
    switch (status) {
        case Status::found: return "found";
        case Status::no_data: return "no_data";
        case Status::no_name: return "no_name";
        case Status::failed: return "failed";
    }
    return "";
}

bool Answer::same_content(const Answer& other) const noexcept {
    if (question != other.question || status != other.status || chain != other.chain) return false;
    if (texts.size() != other.texts.size() || addresses.size() != other.addresses.size()) return false;
    // Servers turn the order of records round with every answer.
    const bool same_texts = question.type == Type::mx ? texts == other.texts : std::is_permutation(texts.begin(), texts.end(), other.texts.begin());
    return same_texts && std::is_permutation(addresses.begin(), addresses.end(), other.addresses.begin());
}

const Answer* Snapshot::find(std::string_view name, Type type) {
    std::string normalised;
    if (!is_normalised(name)) {
        normalised = to_lower(name);
        if (normalised.ends_with('.')) normalised.pop_back();
        name = normalised;
    }
    if (const auto known = answers_.find(QuestionView(name, type)); known != answers_.end()) return &known->second;
    if (!is_askable(name)) {
        static const Answer no_name{.status = Status::no_name};
        return &no_name;
    }
    if (!wanted_.contains(QuestionView(name, type))) wanted_.insert({std::string(name), type});
    return nullptr;
}

void Snapshot::put(Answer answer) {
    wanted_.erase(answer.question);
    Question question = answer.question;
    answers_.insert_or_assign(std::move(question), std::move(answer));
}

std::vector<Question> Snapshot::take_wanted() {
    std::vector<Question> wanted;
    wanted.reserve(wanted_.size());
    while (!wanted_.empty()) wanted.push_back(std::move(wanted_.extract(wanted_.begin()).value()));
    return wanted;
}

std::string reverse_name(const IpAddress& address) {
    static constexpr char kHex[] = "0123456789abcdef";
    const auto bytes = address.bytes();
    std::string name;
    name.reserve(72);
    for (std::size_t i = bytes.size(); i-- > 0;) {
        if (bytes.size() == 4) {
            name += std::to_string(bytes[i]);
            name += '.';
        } else {
            name += {kHex[bytes[i] & 15], '.', kHex[bytes[i] >> 4], '.'};
        }
    }
    return name += bytes.size() == 4 ? "in-addr.arpa" : "ip6.arpa";
}

bool is_askable(std::string_view name) noexcept {
    if (name.empty() || name.size() > kMaxName) return false;
    std::size_t label = 0;
    for (const char c : name) {
        if (c == '.' ? label == 0 : label == kMaxLabel) return false;
        label = c == '.' ? 0 : label + 1;
    }
    return label > 0;
}

}  // namespace whosent::dns
