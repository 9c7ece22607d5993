#include "whosent/base/result.hpp"

namespace whosent {

std::string_view error_code_name(ErrorCode code) noexcept {
    switch (code) {
        case ErrorCode::invalid_argument: return "invalid_argument";
        case ErrorCode::not_found: return "not_found";
        case ErrorCode::io: return "io";
        case ErrorCode::truncated: return "truncated";
        case ErrorCode::corrupt: return "corrupt";
        case ErrorCode::unrecognised: return "unrecognised";
        case ErrorCode::not_a_report: return "not_a_report";
        case ErrorCode::limit: return "limit";
        case ErrorCode::unsupported: return "unsupported";
        case ErrorCode::store_locked: return "store_locked";
        case ErrorCode::store_version: return "store_version";
        case ErrorCode::store_full: return "store_full";
        case ErrorCode::store_corrupt: return "store_corrupt";
        case ErrorCode::cursor_expired: return "cursor_expired";
        case ErrorCode::internal: return "internal";
    }
    return "internal";
}

std::string_view stage_name(Stage stage) noexcept {
    switch (stage) {
        case Stage::collect: return "collect";
        case Stage::unpack: return "unpack";
        case Stage::parse: return "parse";
        case Stage::judge: return "judge";
        case Stage::store: return "store";
        case Stage::encode: return "encode";
        case Stage::app: return "app";
    }
    return "app";
}

std::string to_string(const Error& error) {
    if (error.where.empty()) return error.message;
    return error.where + ": " + error.message;
}

}  // namespace whosent
