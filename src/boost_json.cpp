// Boost.JSON without its library: these are its sources, compiled here once.
#include <boost/json/src.hpp>
