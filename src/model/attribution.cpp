#include "whosent/model/attribution.hpp"

namespace whosent {

std::string_view name_of(Confidence value) noexcept {
    switch (value) {
        case Confidence::unknown: return "unknown";
        case Confidence::low: return "low";
        case Confidence::medium: return "medium";
        case Confidence::high: return "high";
    }
    return {};
}

std::string_view name_of(SenderCategory value) noexcept {
    switch (value) {
        case SenderCategory::transactional: return "transactional";
        case SenderCategory::marketing: return "marketing";
        case SenderCategory::crm_helpdesk_saas: return "crm-helpdesk-saas";
        case SenderCategory::mailbox_provider: return "mailbox-provider";
        case SenderCategory::gateway: return "gateway";
        case SenderCategory::forwarder_list: return "forwarder-list";
        case SenderCategory::custom: return "custom";
    }
    return {};
}

std::string_view name_of(Signal value) noexcept {
    switch (value) {
        case Signal::dkim_vendor_domain_pass: return "dkim-vendor-domain-pass";
        case Signal::dkim_selector_cname: return "dkim-selector-cname";
        case Signal::selector_strong: return "selector-strong";
        case Signal::selector_medium: return "selector-medium";
        case Signal::selector_weak: return "selector-weak";
        case Signal::spf_vendor_envelope_pass: return "spf-vendor-envelope-pass";
        case Signal::envelope_label: return "envelope-label";
        case Signal::return_path_cname: return "return-path-cname";
        case Signal::fcrdns_ptr: return "fcrdns-ptr";
        case Signal::ptr_template: return "ptr-template";
        case Signal::asn_dedicated: return "asn-dedicated";
        case Signal::asn_shared: return "asn-shared";
        case Signal::spf_record_include: return "spf-record-include";
        case Signal::own_network: return "own-network";
    }
    return {};
}

SignalGroup group_of(Signal signal) noexcept {
    switch (signal) {
        case Signal::dkim_vendor_domain_pass: return SignalGroup::dkim_domain;
        case Signal::dkim_selector_cname:
        case Signal::selector_strong:
        case Signal::selector_medium:
        case Signal::selector_weak: return SignalGroup::dkim_selector;
        case Signal::spf_vendor_envelope_pass:
        case Signal::envelope_label:
        case Signal::return_path_cname: return SignalGroup::envelope;
        case Signal::fcrdns_ptr:
        case Signal::ptr_template:
        case Signal::asn_dedicated:
        case Signal::asn_shared:
        case Signal::own_network: return SignalGroup::host;
        case Signal::spf_record_include: return SignalGroup::spf;
    }
    return SignalGroup::host;
}

}  // namespace whosent
