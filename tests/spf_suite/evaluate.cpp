// evaluate: check_host() and the coverage over zones that run_suite.py describes, line by line. Texts are hexadecimal, "-" is the empty one.
//
//   answer NAME TYPE STATUS [TEXT...]   TYPE a aaaa mx ptr txt, STATUS found no_data failed; a name that no line has does not exist
//   check ADDRESS DOMAIN LOCAL SENDER_DOMAIN HELO
//   clear                               forgets the zone
//
// For each check a line "RESULT LOOKUPS VOIDS EXPLANATION COVERAGE", COVERAGE being a result, "undecided" or "unusable". What cannot be read ends it with status 2.
#include <cstdlib>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "whosent/identify/spf_coverage.hpp"

using namespace whosent;

namespace {

[[noreturn]] void refuse(const std::string& line) {
    std::cerr << "evaluate: cannot read: " << line << '\n';
    std::exit(2);
}

std::string from_hex(const std::string& hex, const std::string& line) {
    if (hex == "-") return {};
    std::string text;
    if (hex.size() % 2 != 0) refuse(line);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        std::size_t used = 0;
        text += static_cast<char>(std::stoi(hex.substr(i, 2), &used, 16));
        if (used != 2) refuse(line);
    }
    return text;
}

std::string to_hex(const std::string& text) {
    std::string hex;
    for (const char c : text) {
        hex += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4U];
        hex += "0123456789abcdef"[static_cast<unsigned char>(c) & 15U];
    }
    return hex.empty() ? "-" : hex;
}

dns::Answer read_answer(const std::vector<std::string>& words, const std::string& line) {
    if (words.size() < 4) refuse(line);
    dns::Answer answer;
    answer.question.name = from_hex(words[1], line);
    const std::string& type = words[2];
    using enum dns::Type;
    answer.question.type = type == "a" ? a : type == "aaaa" ? aaaa : type == "mx" ? mx : type == "ptr" ? ptr : type == "txt" ? txt : (refuse(line), txt);
    using enum dns::Status;
    answer.status = words[3] == "found" ? found : words[3] == "no_data" ? no_data : words[3] == "failed" ? failed : (refuse(line), failed);
    answer.problem = answer.status == failed ? "no answer in time" : "";
    for (std::size_t i = 4; i < words.size(); ++i) {
        std::string text = from_hex(words[i], line);
        if (answer.question.type != a && answer.question.type != aaaa) {
            answer.texts.push_back(std::move(text));
        } else if (const auto address = IpAddress::parse(text)) {
            answer.addresses.push_back(*address);
        } else {
            refuse(line);
        }
    }
    return answer;
}

// Names that no line has are answered as they are asked for.
void answer_wanted(dns::Snapshot& answers) {
    for (const dns::Question& question : answers.take_wanted()) {
        dns::Answer answer;
        answer.question = question;
        answer.status = dns::Status::no_name;
        answers.put(std::move(answer));
    }
}

void check(const std::vector<std::string>& words, const std::string& line, dns::Snapshot& answers) {
    if (words.size() != 6) refuse(line);
    const auto ip = IpAddress::parse(words[1]);
    if (!ip) refuse(line);
    std::string texts[4];
    for (std::size_t i = 0; i < 4; ++i) texts[i] = from_hex(words[i + 2], line);
    const identify::SpfCheck check{.ip = *ip, .domain = texts[0], .local_part = texts[1], .sender_domain = texts[2], .helo = texts[3]};
    identify::SpfCheckResult result = identify::check_host(check, answers);
    for (int round = 0; !result.complete; ++round) {
        if (round == 100) refuse("no end of questions");
        answer_wanted(answers);
        result = identify::check_host(check, answers);
    }
    auto coverage = identify::SpfCoverage::expand(texts[0], answers);
    for (int round = 0; !coverage.complete(); ++round) {
        if (round == 100) refuse("no end of questions");
        answer_wanted(answers);
        coverage = identify::SpfCoverage::expand(texts[0], answers);
    }
    const auto found = coverage.find(*ip);
    using enum identify::SpfCoverageAnswer::Kind;
    std::cout << (result.undecided ? "undecided" : identify::name_of(result.result)) << ' ' << result.lookups << ' ' << result.voids << ' ' << to_hex(result.explanation) << ' '
              << (found.kind == undecided ? "undecided" : found.kind == unusable ? "unusable" : identify::name_of(found.result)) << '\n';
}

}  // namespace

int main() {
    dns::Snapshot answers;
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream stream(line);
        std::vector<std::string> words;
        for (std::string word; stream >> word;) words.push_back(word);
        if (words.empty()) continue;
        if (words[0] == "answer") {
            answers.put(read_answer(words, line));
        } else if (words[0] == "check") {
            check(words, line, answers);
        } else if (words[0] == "clear") {
            answers = {};
        } else {
            refuse(line);
        }
    }
    return 0;
}
