// What the sending services put into headers of their own to know their customer again.
#pragma once

#include <string>
#include <string_view>

#include "header.hpp"

namespace whosent::parse::arf {

// "x-mc-user:1234", or the vendor's name where the header is sealed or names nothing but the recipient: "x-sg-eid:sendgrid". Empty when the original
// bears none.
[[nodiscard]] std::string vendor_campaign(const HeaderBlock& original, const Reading& reading);

}  // namespace whosent::parse::arf
