// From the text of an element to its value, with the repairs that real reports need. A conversion that fails gives nothing and a note.
// Texts come trimmed. Pure but for the notes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "notes.hpp"
#include "whosent/base/ip_address.hpp"
#include "whosent/base/time.hpp"
#include "whosent/model/aggregate_report.hpp"
#include "whosent/parse/dmarc_repairs.hpp"

namespace whosent::parse {

using Reading = Mending<RepairSet, Notes>;

[[nodiscard]] std::optional<Seconds> read_time(std::string_view text, Field field, const Reading& reading);
[[nodiscard]] std::optional<std::uint64_t> read_count(std::string_view text, const Reading& reading);
[[nodiscard]] std::optional<IpAddress> read_source_ip(std::string_view text, const Reading& reading);
[[nodiscard]] std::optional<int> read_percentage(std::string_view text, const Reading& reading);

template <class T>
struct Word {
    std::string_view text;
    T value;
};

inline constexpr std::array<Word<AlignmentMode>, 2> kAlignmentModes = {{{"r", AlignmentMode::relaxed}, {"s", AlignmentMode::strict}}};
inline constexpr std::array<Word<Policy>, 3> kPolicies = {{{"none", Policy::none}, {"quarantine", Policy::quarantine}, {"reject", Policy::reject}}};
inline constexpr std::array<Word<bool>, 2> kYesNo = {{{"n", false}, {"y", true}}};
inline constexpr std::array<Word<DiscoveryMethod>, 2> kDiscoveryMethods = {{{"psl", DiscoveryMethod::psl}, {"treewalk", DiscoveryMethod::treewalk}}};
inline constexpr std::array<Word<Disposition>, 4> kDispositions = {
    {{"none", Disposition::none}, {"reject", Disposition::reject}, {"quarantine", Disposition::quarantine}, {"pass", Disposition::pass}}};
inline constexpr std::array<Word<DmarcResult>, 2> kDmarcResults = {{{"pass", DmarcResult::pass}, {"fail", DmarcResult::fail}}};
inline constexpr std::array<Word<DkimResult>, 7> kDkimResults = {{{"pass", DkimResult::pass},
                                                                  {"fail", DkimResult::fail},
                                                                  {"none", DkimResult::none},
                                                                  {"policy", DkimResult::policy},
                                                                  {"neutral", DkimResult::neutral},
                                                                  {"temperror", DkimResult::temperror},
                                                                  {"permerror", DkimResult::permerror}}};
inline constexpr std::array<Word<SpfResult>, 8> kSpfResults = {{{"pass", SpfResult::pass},
                                                                {"fail", SpfResult::fail},
                                                                {"softfail", SpfResult::softfail},
                                                                {"none", SpfResult::none},
                                                                {"neutral", SpfResult::neutral},
                                                                {"temperror", SpfResult::temperror},
                                                                {"permerror", SpfResult::permerror},
                                                                {"policy", SpfResult::policy}}};
inline constexpr std::array<Word<SpfScope>, 2> kSpfScopes = {{{"mfrom", SpfScope::mfrom}, {"helo", SpfScope::helo}}};
inline constexpr std::array<Word<PolicyOverride>, 7> kPolicyOverrides = {{{"local_policy", PolicyOverride::local_policy},
                                                                          {"forwarded", PolicyOverride::forwarded},
                                                                          {"mailing_list", PolicyOverride::mailing_list},
                                                                          {"trusted_forwarder", PolicyOverride::trusted_forwarder},
                                                                          {"sampled_out", PolicyOverride::sampled_out},
                                                                          {"policy_test_mode", PolicyOverride::policy_test_mode},
                                                                          {"other", PolicyOverride::other}}};

// The index of the word that `text` is but for case, or nothing; notes what is odd.
[[nodiscard]] std::optional<std::size_t> odd_word(std::string_view text, std::string_view const* words, std::size_t count, Field field,
                                                  const Reading& reading);

template <class T, std::size_t N>
[[nodiscard]] std::optional<T> read_word(std::string_view text, const std::array<Word<T>, N>& words, Field field, const Reading& reading) {
    for (const Word<T>& word : words) {
        if (word.text == text) return word.value;
    }
    std::array<std::string_view, N> texts;
    for (std::size_t i = 0; i < N; ++i) texts[i] = words[i].text;
    const auto index = odd_word(text, texts.data(), N, field, reading);
    return index ? std::optional<T>(words[*index].value) : std::nullopt;
}

}  // namespace whosent::parse
