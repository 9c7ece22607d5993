#include "export/sink/syslog_framer.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace whosent::sink {
namespace {

// RFC 5424 section 6
constexpr std::size_t kHostname = 255, kAppName = 48;

std::string system_name() {
    std::array<char, kHostname + 1> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

}  // namespace

unsigned syslog_severity(int severity) noexcept {
    if (severity <= 1) return 6;
    if (severity <= 3) return 5;
    if (severity <= 6) return 4;
    return severity <= 8 ? 3 : 2;
}

std::string header_word(std::string_view text, std::size_t longest) {
    std::string word(text.substr(0, longest));
    for (char& c : word) {
        if (c <= ' ' || c > '~') c = '_';
    }
    return word.empty() ? "-" : word;
}

SyslogFramer::SyslogFramer(encode::Encoding encoding, Framing framing, unsigned facility, const std::string& hostname, const std::string& app_name)
    : encoding_(encoding), framing_(framing), facility_(facility),
      origin_(" " + header_word(hostname.empty() ? system_name() : hostname, kHostname) + " " + header_word(app_name, kAppName) + " - ") {}

void SyslogFramer::append(std::string& out, const Event& event) {
    if (event.published != time_) {
        time_ = event.published;
        time_text_ = format_time(time_);
    }
    message_.clear();
    fmt::format_to(std::back_inserter(message_), "<{}>1 ", facility_ * 8 + syslog_severity(encode::severity(event)));
    message_ += time_text_;
    message_ += origin_;
    message_ += class_of(event);
    message_ += " - ";
    encode::append(message_, event, encoding_);
    if (framing_ == Framing::counted) fmt::format_to(std::back_inserter(out), "{} ", message_.size());
    // Encoders write no line feed; one that did would make two messages of one.
    if (framing_ == Framing::lines) std::ranges::replace(message_, '\n', ' ');
    out += message_;
    if (framing_ == Framing::lines) out += '\n';
}

}  // namespace whosent::sink
