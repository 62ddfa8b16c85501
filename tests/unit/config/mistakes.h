/* Files with one mistake each, and all that is said of them. */
#ifndef FAIRLEAD_TESTS_MISTAKES_H
#define FAIRLEAD_TESTS_MISTAKES_H

#define LISTEN "listen \"127.0.0.1:3128\" { }\n"

static const struct mistake {
	const char *name, *text, *said;
} mistakes
	[] =
		{
			{"unknown escape", "contact = \"CORP\\alice\"\n" LISTEN,
             "t.conf:1: error: unknown escape \\a in \"CORP\\alice\": between double quotes a backslash may only stand before \" \\ or $; write the value in single quotes: 'CORP\\alice'\n"},
			{"hexadecimal escape", "contact = \"\\x41\"\n" LISTEN,
             "t.conf:1: error: unknown escape \\x in \"\\x41\": between double quotes a backslash may only stand before \" \\ or $; write the value in single quotes: '\\x41'\n"},
			{"tab in a value", "contact = \"a\tb\"\n" LISTEN,
             "t.conf:1: error: a control character (byte 0x09) in a value: take it out\n"},
			{"delete in single quotes", "contact = 'a\177b'\n" LISTEN,
             "t.conf:1: error: a control character (byte 0x7f) in a value: take it out\n"},
			{"undefined variable", "contact = \"${FAIRLEAD_TEST_NONE}\"\n" LISTEN,
             "t.conf:1: error: the environment has no variable FAIRLEAD_TEST_NONE: set it, or write ${FAIRLEAD_TEST_NONE:-VALUE} to have a value without it\n"},
			{"undefined variable without quotes", "contact = ${FAIRLEAD_TEST_NONE}\n" LISTEN,
             "t.conf:1: error: the environment has no variable FAIRLEAD_TEST_NONE: set it, or write ${FAIRLEAD_TEST_NONE:-VALUE} to have a value without it\n"},
			{"variable without a name", "contact = \"${}\"\n" LISTEN,
             "t.conf:1: error: ${}: the name of a variable is letters, digits and _\n"},
			{"variable with a line feed", "contact = \"${FAIRLEAD_TEST_LINES}\"\n" LISTEN,
             "t.conf:1: error: a control character (byte 0x0a) in a value: take it out\n"},
			{"variable without its brace", "contact = \"a ${HOME\"\n" LISTEN,
             "t.conf:1: error: ${ without its }: write \\$ for a dollar sign\n"},
			{"variable inside of a word", "contact = me${FAIRLEAD_TEST_NAME}\n" LISTEN,
             "t.conf:1: error: a variable inside of an unquoted word: put quotes around the value\n"},
			{"text without its end",
             "contact = \"help\n"
             "workers = 2\n" LISTEN,
             "t.conf:1: error: the text that begins with \" has no closing \" on this line\n"},
			{"text continued by a backslash",
             "contact = \"help\\\n"
             "desk\"\n" LISTEN,
             "t.conf:1: error: a backslash at the end of the line: a value ends on its line\n"},
			{"comment without its end",
             "workers = 2\n"
             "/* here\n"
             "workers = 3\n",
             "t.conf:2: error: the comment that begins here with /* has no end: close it with */\n"},
			{"semicolon", "workers = 2;\n" LISTEN,
             "t.conf:1: error: a semicolon: settings end without one; take it out\n"},
			{"semicolon by itself", "workers = 2 ;\n" LISTEN,
             "t.conf:1: error: a semicolon: settings end without one; take it out\n"},
			{"backslash in a word", "contact = CORP\\alice\n" LISTEN,
             "t.conf:1: error: a backslash in an unquoted value: write 'CORP\\alice' in single quotes\n"},
			{"brace that closes nothing",
             "workers = 2\n"
             "}\n" LISTEN,
             "t.conf:2: error: a } that closes nothing\n"},
			{"sign instead of a name", ", workers = 2\n" LISTEN,
             "t.conf:1: error: the name of a setting should stand here, not ,\n"},
			{"text instead of a name", "\"workers\" = 2\n" LISTEN,
             "t.conf:1: error: the name of a setting should stand here, without quotes, not \"workers\"\n"},
			{"missing brace at the end",
             "workers = 2\n"
             "listen \"127.0.0.1:3128\" {\n"
             "\trole = proxy\n",
             "t.conf:2: error: the block listen 127.0.0.1:3128 that begins here has no closing }\n"},
			{"missing brace before a block",
             "listen \"127.0.0.1:3128\" {\n"
             "\trole = proxy\n"
             "route { to = {\"*\"}  via = direct }\n",
             "t.conf:1: error: the block listen 127.0.0.1:3128 that begins here has no closing } before route in line 3\n"},
			{"missing brace before a setting",
             "listen \"127.0.0.1:3128\" {\n"
             "\trole = proxy\n"
             "workers = 2\n",
             "t.conf:1: error: the block listen 127.0.0.1:3128 that begins here has no closing } before workers in line 3\n"},
			{"missing braces of two blocks",
             "upstream a {\n"
             "\tmember \"p.example:1\" {\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: the block upstream a that begins here has no closing } before route in line 3\n"
             "t.conf:2: error: the block upstream member p.example:1 that begins here has no closing } before route in line 3\n"},
			{"setting in the wrong block",
             "timeouts {\n"
             "\tconnect = 1s\n"
             "\tworkers = 2\n"
             "}\n" LISTEN,
             "t.conf:3: error: timeouts has no setting named workers; it stands outside of all blocks\n"},
			{"block in the wrong block",
             "timeouts {\n"
             "\tconnect = 1s\n"
             "\tlisten \"127.0.0.1:1\" { }\n"
             "}\n" LISTEN,
             "t.conf:3: error: timeouts has no setting named listen; it stands outside of all blocks\n"},
			{"list without its end",
             "route {\n"
             "\tto = {\"a.example\",\n"
             "\t\"b.example\"\n"
             "\tvia = direct\n"
             "}\n" LISTEN,
             "t.conf:2: error: the list of to that begins here has no closing }\n"},
			{"missing comma", "route { to = {\"a.example\" \"b.example\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: a comma is missing in front of \"b.example\" in the list of to\n"},
			{"missing equals sign", "workers 2\n" LISTEN,
             "t.conf:1: error: workers wants a = in front of its value: workers = ...\n"},
			{"added value", "route { to += {\"*\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: += is not used here: write all values of to in one list\n"},
			{"no value", "route { to =  via = direct }\n" LISTEN, "t.conf:1: error: to has no value behind the =\n"},
			{"no value at the end", "workers =\n", "t.conf:1: error: workers has no value behind the =\n"},
			{"list for one value", "workers = {1, 2}\n" LISTEN,
             "t.conf:1: error: workers takes one value, not a list\n"},
			{"equals sign of a block", "timeouts = { connect = 1s }\n" LISTEN,
             "t.conf:1: error: timeouts is a block and has no =: write timeouts { ... }\n"},
			{"equals sign of a titled block", "upstream = \"p.example:8080\"\n" LISTEN,
             "t.conf:1: error: upstream is a block and has no =: write upstream TITLE { ... }\n"},
			{"missing title", "listen { }\n" LISTEN,
             "t.conf:1: error: listen wants ADDRESS in front of its {: listen \"...\" { ... }\n"},
			{"title where there is none", "route office { to = {\"*\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: route has no title: write route { ... }\n"},
			{"missing braces",
             "upstream a { member \"p.example:8080\" }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: member is a block: write { } behind it\n"},
			{"second title",
             "upstream a { member \"p.example:8080\" { } }\n"
             "upstream b { member \"p.example:8080\" { } }\n"
             "upstream \"a\" { member \"q.example:8080\" { } }\n"
             "route { to = {\"a.example\"}  via = a }\n"
             "route { to = {\"b.example\"}  via = b }\n" LISTEN,
             "t.conf:3: error: a second upstream \"a\": the first is in t.conf:1; give it another NAME, or make one block of both\n"},
			{"second listener",
             "workers = 2\n"
             "listen \"127.0.0.1:3128\" { }\n"
             "listen '127.0.0.1:3128' { role = console }\n",
             "t.conf:3: error: a second listen \"127.0.0.1:3128\": the first is in t.conf:2; give it another ADDRESS, or make one block of both\n"},
			{"second setting",
             "workers = 2\n"
             "workers = 3\n" LISTEN,
             "t.conf:2: error: workers is given twice: the first is in t.conf:1; take one out\n"},
			{"second setting in a block",
             "timeouts {\n"
             "\tidle = 1m\n"
             "\tidle = 2m\n"
             "}\n" LISTEN,
             "t.conf:3: error: idle is given twice: the first is in t.conf:2; take one out\n"},
			{"second block",
             "timeouts { idle = 1m }\n"
             "timeouts { head = 1m }\n" LISTEN,
             "t.conf:2: error: timeouts is given twice: the first is in t.conf:1; take one out\n"},
			{"second log",
             "log access { format = json }\n"
             "log access { format = w3c }\n" LISTEN,
             "t.conf:2: error: log access is given twice: the first is in t.conf:1; take one out\n"},
			{"second member",
             "upstream a {\n"
             "\tmember \"p.example:8080\" { }\n"
             "\tmember \"p.example:8080\" { }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:3: error: a second member \"p.example:8080\": the first is in t.conf:2; give it another HOST:PORT, or make one block of both\n"},
			{"log without a kind", "log { file = \"x\" }\n" LISTEN,
             "t.conf:1: error: log has two kinds: log access { ... } and log events { ... }\n"},
			{"log of another kind", "log errors { file = \"x\" }\n" LISTEN,
             "t.conf:1: error: log has two kinds: log access { ... } and log events { ... }\n"},
			{"route without to", "route { via = direct }\n" LISTEN,
             "t.conf:1: error: this route has no to: write to = {...}\n"},
			{"route without via", "route { to = {\"*\"} }\n" LISTEN,
             "t.conf:1: error: this route has no via: write via = ...\n"},
			{"rule without action", "access { to = {\"*\"} }\n" LISTEN,
             "t.conf:1: error: this access has no action: write action = ...\n"},
			{"upstream without members",
             "upstream a { }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: this upstream has no member: write member \"...\" { }\n"},
			{"name: wokers", "wokers = 2\n" LISTEN,
             "t.conf:1: error: there is no setting named wokers; did you mean workers?\n"},
			{"name: contct", "contct = x\n" LISTEN,
             "t.conf:1: error: there is no setting named contct; did you mean contact?\n"},
			{"name: timeout", "timeout { }\n" LISTEN,
             "t.conf:1: error: there is no setting named timeout; did you mean timeouts?\n"},
			{"name: http_port", "http_port 3128\n" LISTEN,
             "t.conf:1: error: there is no setting named http_port; Squid's http_port is a block here: listen \"*:3128\" { }\n"},
			{"name: cache_peer", "cache_peer proxy.example parent 8080 0\n" LISTEN,
             "t.conf:1: error: there is no setting named cache_peer; Squid's cache_peer is a block here: upstream NAME { member \"HOST:PORT\" { } }, and a route that leads there\n"},
			{"name: proxy_pass", "proxy_pass http://x/;\n" LISTEN,
             "t.conf:1: error: there is no setting named proxy_pass; nginx's proxy_pass is a route to an upstream here: route { to = {\"*\"}  via = NAME }; for a published site it will be an application\n"},
			{"name: NoProxy", "NoProxy localhost\n" LISTEN,
             "t.conf:1: error: there is no setting named NoProxy; cntlm's NoProxy is a route here: route { to = {\"HOST\", \"10.0.0.0/8\"}  via = direct }\n"},
			{"name: acl", "acl office src 10.0.0.0/8\n" LISTEN,
             "t.conf:1: error: there is no setting named acl; there are no named lists; write them in the rule: access { action = allow  to = {\"HOST\"}  from = {\"NETWORK\"} }\n"},
			{"name: http_access", "http_access deny all\n" LISTEN,
             "t.conf:1: error: there is no setting named http_access; a rule is a block here: access { action = allow  from = {\"NETWORK\"} }\n"},
			{"name: Proxy", "Proxy 10.0.0.1:8080\n" LISTEN,
             "t.conf:1: error: there is no setting named Proxy; cntlm's Proxy is a member of an upstream here: upstream parent { member \"HOST:PORT\" { } }\n"},
			{"name: Gateway", "Gateway yes\n" LISTEN,
             "t.conf:1: error: there is no setting named Gateway; cntlm's Gateway is said by the address and who may use it: listen \"*:3128\" { clients = {\"10.0.0.0/8\"} }\n"},
			{"name: Allow", "Allow 10.0.0.0/8\n" LISTEN,
             "t.conf:1: error: there is no setting named Allow; write listen \"ADDRESS\" { clients = {\"NETWORK\"} } for who may use the proxy, access { action = allow ... } for where to\n"},
			{"name: server", "server { listen 80; }\n" LISTEN,
             "t.conf:1: error: there is no setting named server; for a proxy write listen \"ADDRESS\" { }; for a parent's member write upstream NAME { member \"HOST:PORT\" { } }\n"},
			{"name: frontend", "frontend web { }\n" LISTEN,
             "t.conf:1: error: there is no setting named frontend; write listen \"ADDRESS\" { }\n"},
			{"name: visible_hostname", "visible_hostname x\n" LISTEN,
             "t.conf:1: error: there is no setting named visible_hostname; write listen \"ADDRESS\" { name = \"...\" }\n"},
			{"name: worker_processes", "worker_processes 4;\n" LISTEN,
             "t.conf:1: error: there is no setting named worker_processes; write workers = N\n"},
			{"name: Listen", "Listen 3128\n" LISTEN,
             "t.conf:1: error: there is no setting named Listen; did you mean listen?\n"},
			{"name: member", "member \"x:1\" { }\n" LISTEN,
             "t.conf:1: error: there is no setting named member; a member stands in an upstream: upstream NAME { member \"HOST:PORT\" { } }\n"},
			{"name: connect", "connect = 3s\n" LISTEN,
             "t.conf:1: error: there is no setting named connect; it stands in a block: timeouts { ... }\n"},
			{"name: connect-ports", "connect-ports = {\"443\"}\n" LISTEN,
             "t.conf:1: error: there is no setting named connect-ports; it stands in a block: listen { ... }\n"},
			{"name: quux", "quux = 3\n" LISTEN, "t.conf:1: error: there is no setting named quux\n"},
			{"name in a listener", "listen \"127.0.0.1:3129\" { rol = console }\n" LISTEN,
             "t.conf:1: error: listen has no setting named rol; did you mean role?\n"},
			{"name with an underscore", "listen \"127.0.0.1:3129\" { connect_ports = {\"443\"} }\n" LISTEN,
             "t.conf:1: error: listen has no setting named connect_ports; did you mean connect-ports?\n"},
			{"name of nginx in a listener", "listen \"127.0.0.1:3129\" { server_name x; }\n" LISTEN,
             "t.conf:1: error: listen has no setting named server_name; write listen \"ADDRESS\" { name = \"...\" }\n"},
			{"name in an upstream", "upstream a { server \"p.example:80\" }\n" LISTEN,
             "t.conf:1: error: upstream has no setting named server; for a proxy write listen \"ADDRESS\" { }; for a parent's member write upstream NAME { member \"HOST:PORT\" { } }\n"
             "t.conf:1: warning: no route leads to upstream a: write route { to = {\"*\"}  via = a }\n"},
			{"name in a route", "route { to = {\"*\"}  via = direct  vai-header = false }\n" LISTEN,
             "t.conf:1: error: route has no setting named vai-header; did you mean via-header?\n"},
			{"later: array", "array north { member \"a:1\" { load = 3 } }\n" LISTEN,
             "t.conf:1: error: array is not supported by this version yet: take it out\n"},
			{"later: pac", "pac { url = \"x\" }\n" LISTEN,
             "t.conf:1: error: pac is not supported by this version yet: take it out\n"},
			{"later: serve-pac", "serve-pac { }\n" LISTEN,
             "t.conf:1: error: serve-pac is not supported by this version yet: take it out\n"},
			{"later: cache", "cache { memory = 256MB  disk \"x\" { size = 20GB } }\n" LISTEN,
             "t.conf:1: error: cache is not supported by this version yet: take it out\n"},
			{"application: no member", "application hr { }\n" LISTEN,
             "t.conf:1: error: this application has no member: write member \"...\" { }\n"},
			{"application: endless name",
             "application hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh { member \"http://a:1\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh sign-on = {anonymous} }\n" LISTEN, "t.conf:1: error: the name of an application has at most 200 bytes\n"},
			{"application: member without scheme",
             "application hr { member \"10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: a member of an application is written like \"http://10.0.0.7:8080\", not \"10.0.0.7:8080\"\n"},
			{"application: member with a path",
             "application hr { member \"http://10.0.0.7:8080/x\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: member http://10.0.0.7:8080/x: a path cannot be given, the path of each request goes on as it is\n"},
			{"application: mixed schemes",
             "application hr { member \"http://a:1\" { } member \"https://b:2\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: the members of application hr are either all http:// or all https://\n"},
			{"application: not used", "application hr { member \"http://10.0.0.7:8080\" { } } \n" LISTEN,
             "t.conf:1: warning: no directory of a site leads to application hr\n"},
			{"site: serves nothing", "site \"x\" { listen = {\"http://127.0.0.1:80\"} sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: directory / of site x serves nothing: give it application = ... or files = \"/folder\"\n"},
			{"site: nothing selected",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr }\n" LISTEN,
             "t.conf:1: error: directory / of site x says nothing of sign-on: write sign-on = {anonymous}, or {negotiate, ntlm} with accounts\n"},
			{"site: only basic in clear",
             "application hr { member \"http://10.0.0.7:8080\" { } } accounts a { file = \"f\" } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {basic} accounts = {a} }\n" LISTEN,
             "t.conf:1: error: directory / of site x would offer nothing: Basic is offered over TLS only, unless basic-without-tls = true\n"},
			{"site: names users but is anonymous",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} users = {bob} }\n" LISTEN,
             "t.conf:1: error: directory / of site x names users or groups, but nobody can sign in: add a scheme to sign-on\n"},
			{"site: anonymous behind a broken proxy",
             "application hr { member \"http://10.0.0.7:8080\" { } } accounts a { file = \"f\" } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {ntlm} accounts = {a} through-broken-proxy = {anonymous} }\n" LISTEN,
             "t.conf:1: error: site x: through-broken-proxy cannot be anonymous, which would let in whoever looks like coming that way: write {basic}\n"},
			{"site: basic behind a broken proxy",
             "application hr { member \"http://10.0.0.7:8080\" { } } accounts a { file = \"f\" } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {ntlm} accounts = {a} through-broken-proxy = {basic} }\n" LISTEN,
             "t.conf:1: warning: site x: through-broken-proxy = {basic} helps over https:// only, and the site has no such address; over http:// it would take basic-without-tls = true, in clear text\n"},
			{"accounts: named like tickets", "accounts kerberos { file = \"f\" }\n" LISTEN,
             "t.conf:1: error: accounts cannot be named kerberos: that is the name of tickets; take another\n"},
			{"site: unknown accounts",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {ntlm} accounts = {b} }\n" LISTEN,
             "t.conf:1: error: directory / of site x: there is no accounts block \"b\"; write accounts b { file = \"...\" }\n"},
			{"site: unknown application",
             "site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: there is no application block \"hr\"; write application hr { member \"http://...\" { } }\n"},
			{"site: https without certificate",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"https://127.0.0.1:443\"} application = hr sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: site x: https://127.0.0.1:443 needs a certificate: tls { certificate = \"...\"  key = \"...\" }\n"},
			{"site: listen is no URL",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"127.0.0.1:80\"} application = hr sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: site x: listen takes \"http://ADDRESS:PORT\" or \"https://ADDRESS:PORT\", not \"127.0.0.1:80\"\n"},
			{"site: twice",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} } site \"X\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} }\n" LISTEN, "t.conf:1: error: a site is named like \"intranet.example\" in small letters, \"*.example\", or \"*\" for whatever is asked for; \"X\" is none\n"},
			{"site: directory prefix",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} directory \"/a\" { } }\n" LISTEN,
             "t.conf:1: error: a directory is written like \"/public/\": from / to /, of letters, digits and -._~, with no dot or blank at the end of a name, not \"/a\"\n"},
			{"site: directory twice",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr sign-on = {anonymous} directory \"/a/\" { } directory \"/A/\" { } }\n" LISTEN,
             "t.conf:1: error: directory /A/ is the one in t.conf:1 again (case does not tell them apart)\n"},
			{"site: both kinds of content",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:80\"} sign-on = {anonymous} directory \"/\" { application = hr files = \"/srv\" } }\n" LISTEN,
             "t.conf:1: error: directory /: application and files exclude each other: take one out\n"},
			{"site: address of a listener",
             "application hr { member \"http://10.0.0.7:8080\" { } } site \"x\" { listen = {\"http://127.0.0.1:3128\"} application = hr sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: listen 127.0.0.1:3128 has the address of the listen 127.0.0.1:3128 in t.conf:2: give it another port, or take one out\n"},
			{"site: fine",
             "application hr { member \"http://10.0.0.7:8080\" { } } accounts a { file = \"f\" } site \"x\" { listen = {\"http://127.0.0.1:80\"} application = hr accounts = {a} directory \"/\" { sign-on = {ntlm} } directory \"/p/\" { sign-on = {anonymous} } }\n" LISTEN,
             ""},
			{"sign-on: nobody verifies", "listen \"127.0.0.1:3127\" { sign-on = {ntlm} }\n" LISTEN,
             "t.conf:1: error: listen 127.0.0.1:3127 offers ntlm, but nobody verifies it: add accounts = {\"...\"} and an accounts block\n"},
			{"sign-on: unknown scheme", "listen \"127.0.0.1:3127\" { sign-on = {nltm} }\n" LISTEN,
             "t.conf:1: error: sign-on is one of anonymous|basic|ntlm|negotiate, not \"nltm\"; did you mean ntlm?\n"},
			{"sign-on: unknown accounts", "listen \"127.0.0.1:3127\" { sign-on = {ntlm}  accounts = {corp} }\n" LISTEN,
             "t.conf:1: error: listen 127.0.0.1:3127: there is no accounts block \"corp\"; write accounts corp { file = \"...\" }\n"},
			{"sign-on: negotiate without anything", "listen \"127.0.0.1:3127\" { sign-on = {negotiate} }\n" LISTEN,
             "t.conf:1: error: listen 127.0.0.1:3127 offers negotiate, but there is neither kerberos { keytab = ... } nor accounts to verify it\n"},
			{"sign-on: basic in clear",
             "accounts local { file = \"x\" }\n"
             "listen \"127.0.0.1:3127\" { sign-on = {basic}  accounts = {local} }\n" LISTEN,
             "t.conf:2: error: listen 127.0.0.1:3127 would offer nothing: Basic is offered over TLS only, unless basic-without-tls = true\n"},
			{"sign-on: basic beside others",
             "accounts local { file = \"x\" }\n"
             "listen \"127.0.0.1:3127\" { sign-on = {ntlm, basic}  accounts = {local} }\n" LISTEN,
             "t.conf:2: warning: listen 127.0.0.1:3127: Basic is not offered on this plain address; basic-without-tls = true would, in clear text\n"},
			{"sign-on: anonymous alone", "listen \"127.0.0.1:3127\" { sign-on = {anonymous} }\n" LISTEN,
             "t.conf:1: error: listen 127.0.0.1:3127: sign-on = {anonymous} alone asks nobody: take it out, or add a scheme\n"},
			{"accounts: neither", "accounts local { }\n" LISTEN,
             "t.conf:1: error: accounts local needs one of file and windows-domain\n"},
			{"accounts: windows-domain", "accounts corp { windows-domain = CORP }\n" LISTEN,
             "t.conf:1: error: accounts corp: windows-domain is winbind, not \"CORP\"\n"},
			{"users without sign-on", "access { action = allow  users = {\"alice\"} }\n" LISTEN,
             "t.conf:1: error: this rule names users or groups, but no listen has sign-on, so nobody can ever be them\n"},
			{"users where nobody is asked",
             "listen \"127.0.0.1:8080\" { sign-on = {ntlm}  accounts = {local} }\n" LISTEN
             "accounts local { file = \"x\" }\n"
             "access { action = deny  users = {\"a\"}  listen = {\"127.0.0.1:8080\"} }\n"
             "access { action = deny  users = {\"b\"} }\n",
             "t.conf:5: warning: this rule names users or groups, but listen 127.0.0.1:3128 has no sign-on: what the rule is about is refused to everybody there; name the listeners it is for: listen = {\"...\"}\n"},
			{"users before sign-on", "access { action = allow  sign-on = none  groups = {'CORP\\Web Users'} }\n" LISTEN,
             "t.conf:1: error: a rule with sign-on = none cannot name users or groups: it decides before anybody is asked\n"},
			{"credentials without an account",
             "upstream a {\n"
             "\tmember \"p.example:1\" { }\n"
             "\tcredentials { scheme = {ntlm}  password-file = \"x\" }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:3: error: upstream a: credentials need an account, like account = 'CORP\\svc-fairlead' in single quotes\n"},
			{"credentials without a secret",
             "upstream a {\n"
             "\tmember \"p.example:1\" { }\n"
             "\tcredentials { scheme = {ntlm}  account = 'CORP\\a' }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:3: error: upstream a: credentials need a secret: password-file, nt-hash-file, systemd-credential, keytab or ccache\n"
             "t.conf:3: error: upstream a: ntlm and basic need a password; a keytab or ccache serves negotiate alone\n"},
			{"groups of tickets that nobody names",
             "listen \"127.0.0.1:3128\" { sign-on = {negotiate} }\n"
             "kerberos { keytab = \"k\" }\n"
             "access { action = deny  groups = {'CORP\\Temps'} }\n"
             "access { action = allow  groups = {'CORP\\Staff'} }\n"
             "access { action = allow  groups = {\"staff\"}  users = {\"a\"} }\n",
             "t.conf:3: warning: this rule names groups of a domain, and no accounts block has windows-domain = winbind: without a winbindd that "
             "knows them, users with Kerberos tickets are all refused by it\n"
             "t.conf:4: warning: this rule names groups of a domain, and no accounts block has windows-domain = winbind: without a winbindd that "
             "knows them, users with Kerberos tickets are never allowed by it\n"},
			{"credentials in clear",
             "upstream a {\n"
             "\tmember \"p.example:1\" { }\n"
             "\tcredentials { scheme = {basic}  account = a  password-file = \"x\" }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:3: warning: upstream a: Basic shows the password to everybody on the way to this parent: add tls { }, or use ntlm\n"
             "t.conf:3: warning: upstream a: Basic alone is sent when the parent asks; one that allows anonymous too never learns who we are (error "
             "12201 where it has rules by user); send = always cures it\n"},
			{"passwords of users in clear",
             "listen \"10.0.0.1:3128\" { sign-on = {basic}  basic-without-tls = true  accounts = {local}  clients = {\"10.0.0.0/8\"} }\n"
             "accounts local { file = \"a\" }\n",
             "t.conf:1: warning: listen 10.0.0.1:3128: with basic-without-tls everybody on the way can read the passwords of users: add tls { }\n"},
			{"credentials for a listener of ours that allows anonymous",
             "upstream a {\n"
             "\tmember \"127.0.0.1:8080\" { }\n"
             "\tcredentials { scheme = {ntlm}  account = 'CORP\\a'  password-file = \"x\" }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n"
             "listen \"127.0.0.1:8080\" { }\n",
             "t.conf:2: warning: the member 127.0.0.1:8080 is the listen 127.0.0.1:8080 in t.conf:6 of this same Fairlead: requests would come back and "
             "end as a loop\n"
             "t.conf:2: warning: upstream a has credentials, but the member 127.0.0.1:8080 allows anonymous (sign-on of listen 127.0.0.1:8080): it "
             "never learns who we are, which is error 12201 parent-did-not-ask; demand a sign-in there, or take the credentials out\n"},
			{"a listener of ours that does not know us",
             "upstream a {\n"
             "\tmember \"127.0.0.1:8080\" { }\n"
             "\tcredentials { scheme = {ntlm}  account = 'CORP\\a'  password-file = \"x\" }\n"
             "}\n"
             "upstream b { member \"127.0.0.1:8080\" { } }\n"
             "route { to = {\"b.example\"}  via = b }\n"
             "route { to = {\"*\"}  via = a }\n"
             "listen \"127.0.0.1:8080\" { sign-on = {ntlm}  accounts = {local} }\n"
             "accounts local { file = \"a\" }\n",
             "t.conf:2: warning: the member 127.0.0.1:8080 is the listen 127.0.0.1:8080 in t.conf:8 of this same Fairlead: requests would come back and "
             "end as a loop\n"
             "t.conf:2: warning: the member 127.0.0.1:8080 (listen 127.0.0.1:8080) does not name this proxy in intermediaries: it asks for a sign-in "
             "with every request, which is error 12201 parent-sign-in-failed; add intermediaries = {\"127.0.0.1\"} there\n"
             "t.conf:5: warning: the member 127.0.0.1:8080 is the listen 127.0.0.1:8080 in t.conf:8 of this same Fairlead: requests would come back and "
             "end as a loop\n"
             "t.conf:5: warning: the member 127.0.0.1:8080 asks for a sign-in (sign-on of listen 127.0.0.1:8080), and upstream b has no credentials: "
             "error 12201 parent-wants-sign-in\n"},
			{"a listener of ours that knows us",
             "upstream a {\n"
             "\tmember \"127.0.0.1:8080\" { }\n"
             "\tcredentials { scheme = {ntlm}  account = 'CORP\\a'  password-file = \"x\" }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n"
             "listen \"127.0.0.1:8080\" { sign-on = {ntlm, anonymous}  accounts = {local}  intermediaries = {\"127.0.0.0/8\"} }\n"
             "accounts local { file = \"a\" }\n",
             "t.conf:2: warning: the member 127.0.0.1:8080 is the listen 127.0.0.1:8080 in t.conf:6 of this same Fairlead: requests would come back and "
             "end as a loop\n"},
			{"credentials when asked",
             "upstream a {\n"
             "\tmember \"p.example:1\" { }\n"
             "\tcredentials { scheme = {ntlm}  send = when-asked  account = 'CORP\\a'  password-file = \"x\" }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:3: warning: upstream a: with send = when-asked a parent that allows anonymous too never learns who we are (error 12201 where it has "
             "rules by user); send = always cures it\n"},
			{"credentials: an address for Kerberos",
             "upstream a {\n"
             "\tmember \"192.0.2.1:1\" { }\n"
             "\tcredentials { scheme = {negotiate}  account = 'CORP\\a'  password-file = \"x\" }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:2: warning: negotiate needs a name for Kerberos, and the member 192.0.2.1:1 is an address: give spn = \"HTTP/name\", or the member's name\n"},
			{"credentials: relay beside sign-on",
             "upstream a {\n"
             "\tmember \"p.example:1\" { }\n"
             "\tcredentials { scheme = {relay, ntlm}  account = 'CORP\\a' }\n"
             "\tor-direct = true\n"
             "}\n"
             "route { to = {\"*\"}  via = a  pin = false }\n"
             "listen \"127.0.0.1:8080\" { sign-on = {ntlm}  accounts = {l} }\n"
             "accounts l { file = \"x\" }\n",
             "t.conf:1: error: upstream a: or-direct does not go with relay: what a client has signed in for at the parent would go out as nobody\n"
             "t.conf:3: error: upstream a: relay stands alone: either the client signs in to the parent, or we do\n"
             "t.conf:3: warning: upstream a: relay uses the clients' credentials: take account and secret out\n"
             "t.conf:3: error: upstream a: relay hands on what clients say to a proxy, but here they say it to us: take sign-on out of the listen, or use on-behalf or an account\n"
             "t.conf:6: error: a route with pin = false cannot lead to upstream a, whose sign-in by relay belongs to a connection\n"},
			{"credentials: relay where some sign in",
             "upstream a {\n"
             "\tmember \"p.example:1\" { }\n"
             "\tcredentials { scheme = {relay} }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n"
             "listen \"127.0.0.1:8080\" { sign-on = {ntlm}  accounts = {l} }\n"
             "accounts l { file = \"x\" }\n" LISTEN,
             "t.conf:3: warning: upstream a: relay serves only what comes by listeners without sign-on; on the others it ends in error 12201\n"},
			{"credentials: on-behalf of nobody",
             "upstream a {\n"
             "\tmember \"192.0.2.1:1\" { }\n"
             "\tcredentials { scheme = {on-behalf, ntlm} }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n"
             "listen \"127.0.0.1:8080\" { sign-on = {ntlm}  accounts = {l} }\n"
             "accounts l { file = \"x\" }\n",
             "t.conf:3: error: upstream a: on-behalf stands alone: either the user is signed in to the parent, or we are\n"
             "t.conf:3: error: upstream a: on-behalf passes on who signs in by basic or by Kerberos, and no listen offers that: write sign-on = {negotiate} and kerberos { }\n"},
			{"credentials: on-behalf where not all can be",
             "upstream a {\n"
             "\tmember \"192.0.2.1:1\" { }\n"
             "\tcredentials { scheme = {on-behalf} }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n"
             "listen \"127.0.0.1:8080\" { sign-on = {negotiate, ntlm, basic}  basic-without-tls = true  accounts = {l} }\n"
             "accounts l { file = \"x\" }\n"
             "kerberos { keytab = \"x\" }\n",
             "t.conf:2: warning: negotiate needs a name for Kerberos, and the member 192.0.2.1:1 is an address: give spn = \"HTTP/name\", or the member's name\n"
             "t.conf:3: warning: upstream a: users who sign in to us by ntlm cannot be passed on: for them it ends in error 12201\n"
             "t.conf:3: warning: upstream a: the passwords of users who sign in by basic can be read by everybody on the way to this parent: add tls { }\n"},
			{"later: pac route", "route { to = {\"*\"}  via = pac }\n" LISTEN,
             "t.conf:1: error: via = pac is not supported by this version yet\n"},
			{"value: workers = many", "workers = many\n" LISTEN,
             "t.conf:1: error: workers is a whole number, not \"many\"\n"},
			{"value: workers = -1", "workers = -1\n" LISTEN,
             "t.conf:1: error: workers is a whole number, not \"-1\"\n"},
			{"value: workers = 2.5", "workers = 2.5\n" LISTEN,
             "t.conf:1: error: workers is a whole number, not \"2.5\"\n"},
			{"value: workers = 1025", "workers = 1025\n" LISTEN,
             "t.conf:1: error: workers is between 0 and 1024, not \"1025\"\n"},
			{"value: workers = 99999999999999999999", "workers = 99999999999999999999\n" LISTEN,
             "t.conf:1: error: workers is between 0 and 1024, not \"99999999999999999999\"\n"},
			{"value: workers = 2s", "workers = 2s\n" LISTEN,
             "t.conf:1: error: workers is a whole number, not \"2s\"\n"},
			{"value: workers = \"\"", "workers = \"\"\n" LISTEN,
             "t.conf:1: error: workers is a whole number, not \"\"\n"},
			{"value: drain = 30", "drain = 30\n" LISTEN,
             "t.conf:1: error: drain needs a unit (ms s m h d): write 30s\n"},
			{"value: drain = soon", "drain = soon\n" LISTEN,
             "t.conf:1: error: drain is a whole number with a unit, like 30s, not \"soon\"\n"},
			{"value: drain = 30sec", "drain = 30sec\n" LISTEN,
             "t.conf:1: error: drain has an unknown unit \"sec\": there are ms s m h d\n"},
			{"value: drain = 2d", "drain = 2d\n" LISTEN, "t.conf:1: error: drain is between 0ms and 1d, not \"2d\"\n"},
			{"value: drain = 99999999999999999d", "drain = 99999999999999999d\n" LISTEN,
             "t.conf:1: error: drain is between 0ms and 1d, not \"99999999999999999d\"\n"},
			{"value: shared-listeners = maybe", "shared-listeners = maybe\n" LISTEN,
             "t.conf:1: error: shared-listeners is true or false, not \"maybe\"\n"},
			{"value: contact = \"\"", "contact = \"\"\n" LISTEN,
             "t.conf:1: error: contact is empty: give it a value, or take it out\n"},
			{"value: pseudonym = \"a b\"", "pseudonym = \"a b\"\n" LISTEN,
             "t.conf:1: error: pseudonym may hold letters, digits and -._~!#$%&'*+^`| only, not a b\n"},
			{"limit: head = 131072", "limits { head = 131072 }\n" LISTEN,
             "t.conf:1: error: head needs a unit (KB MB GB): write 128KB\n"},
			{"limit: head = 1KB", "limits { head = 1KB }\n" LISTEN,
             "t.conf:1: error: head is between 4KB and 1MB, not \"1KB\"\n"},
			{"limit: head = 1TB", "limits { head = 1TB }\n" LISTEN,
             "t.conf:1: error: head has an unknown unit \"TB\": there are KB MB GB\n"},
			{"limit: fields = 300", "limits { fields = 300 }\n" LISTEN,
             "t.conf:1: error: fields is between 16 and 256, not \"300\"\n"},
			{"limit: field beyond head",
             "limits {\n"
             "\thead = 16KB\n"
             "\tfield = 32KB\n"
             "\ttarget = 64KB\n"
             "}\n" LISTEN,
             "t.conf:3: error: field is larger than the whole head (16KB): lower it, or raise head\n"
             "t.conf:4: error: target is larger than the whole head (16KB): lower it, or raise head\n"},
			{"value: choice", "listen \"127.0.0.1:3129\" { role = admin }\n" LISTEN,
             "t.conf:1: error: role is one of proxy|console, not \"admin\"\n"},
			{"value: near choice", "listen \"127.0.0.1:3129\" { role = consol }\n" LISTEN,
             "t.conf:1: error: role is one of proxy|console, not \"consol\"; did you mean console?\n"},
			{"value: level", "log events { level = warn }\n" LISTEN,
             "t.conf:1: error: level is one of error|warning|info|debug, not \"warn\"; did you mean warning?\n"},
			{"value: network",
             "listen \"127.0.0.1:3129\" { clients = {\"10.0.0.0/8\",\n"
             "\t\"localhost\",\n"
             "\t\"10.0.0.0/33\"} }\n" LISTEN,
             "t.conf:2: error: clients takes networks and addresses, like \"10.0.0.0/8\" or \"192.0.2.1\"; \"localhost\" is none\n"
             "t.conf:3: error: clients takes networks and addresses, like \"10.0.0.0/8\" or \"192.0.2.1\"; \"10.0.0.0/33\" is none\n"},
			{"value: ports",
             "listen \"127.0.0.1:3129\" { connect-ports = {\"https\", \"0\", \"70000\", \"90-80\"} }\n" LISTEN,
             "t.conf:1: error: connect-ports takes ports from 1 to 65535, ranges like \"8000-8100\", or \"any\"; \"https\" is none\n"
             "t.conf:1: error: connect-ports takes ports from 1 to 65535, ranges like \"8000-8100\", or \"any\"; \"0\" is none\n"
             "t.conf:1: error: connect-ports takes ports from 1 to 65535, ranges like \"8000-8100\", or \"any\"; \"70000\" is none\n"
             "t.conf:1: error: connect-ports has a range that runs backwards: write \"80-90\"\n"},
			{"value: empty list", "listen \"127.0.0.1:3129\" { clients = {} }\n" LISTEN,
             "t.conf:1: error: clients has an empty list: name at least one, or take it out\n"},
			{"host: http://a.example/x", "route { to = {\"http://a.example/x\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to takes hosts, not addresses of pages: write \"a.example\"\n"},
			{"host: a.example/x", "route { to = {\"a.example/x\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to takes hosts and networks (\"10.0.0.0/8\"); \"a.example/x\" is neither\n"},
			{"host: 10.*", "route { to = {\"10.*\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to has \"10.*\": write a network of addresses as \"10.0.0.0/8\", an address in full as \"192.0.2.1\"\n"},
			{"host: 10.0.0", "route { to = {\"10.0.0\"}  via = direct }\n" LISTEN, "t.conf:1: error: to has \"10.0.0\": write a network of addresses as \"10.0.0.0/8\", an address in full as \"192.0.2.1\"\n"},
			{"host: 127.1", "route { to = {\"127.1\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to has \"127.1\": write a network of addresses as \"10.0.0.0/8\", an address in full as \"192.0.2.1\"\n"},
			{"host: a b", "route { to = {\"a b\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to takes hosts: \"*\", \"name.example\", \"*.example\", \"192.0.2.1\", \"10.0.0.0/8\", \"<local>\"; \"a b\" is none\n"},
			{"host: ", "route { to = {\"\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to has an empty host: write \"*\" for all\n"},
			{"host: a.example:http", "route { to = {\"a.example:http\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to takes hosts: \"*\", \"name.example\", \"*.example\", \"192.0.2.1\", \"10.0.0.0/8\", \"<local>\"; \"a.example:http\" is none\n"},
			{"host: a.example:0", "route { to = {\"a.example:0\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to takes hosts: \"*\", \"name.example\", \"*.example\", \"192.0.2.1\", \"10.0.0.0/8\", \"<local>\"; \"a.example:0\" is none\n"},
			{"host: a..example", "route { to = {\"a..example\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to takes hosts: \"*\", \"name.example\", \"*.example\", \"192.0.2.1\", \"10.0.0.0/8\", \"<local>\"; \"a..example\" is none\n"},
			{"host: [::1", "route { to = {\"[::1\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to takes hosts: \"*\", \"name.example\", \"*.example\", \"192.0.2.1\", \"10.0.0.0/8\", \"<local>\"; \"[::1\" is none\n"},
			{"host: user@a.example", "route { to = {\"user@a.example\"}  via = direct }\n" LISTEN,
             "t.conf:1: error: to takes hosts: \"*\", \"name.example\", \"*.example\", \"192.0.2.1\", \"10.0.0.0/8\", \"<local>\"; \"user@a.example\" is none\n"},
			{"via unknown, none known", "route { to = {\"*\"}  via = parent }\n" LISTEN,
             "t.conf:1: error: via leads to parent, which is no upstream; there is only direct\n"},
			{"via unknown, some known",
             "upstream a { member \"p.example:1\" { } }\n"
             "upstream b { member \"q.example:1\" { } }\n"
             "route { to = {\"x.example\"}  via = a }\n"
             "route { to = {\"y.example\"}  via = b }\n"
             "route { to = {\"*\"}  via = c }\n" LISTEN,
             "t.conf:5: error: via leads to c, which is no upstream; there are direct, a, b\n"},
			{"member: proxy.example",
             "upstream a { member \"proxy.example\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: member has no port: write \"proxy.example:8080\", or whatever its port is\n"},
			{"member: http://proxy.example:8080",
             "upstream a { member \"http://proxy.example:8080\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: member is a host and a port, without http:// in front: \"HOST:PORT\", not \"http://proxy.example:8080\"\n"},
			{"member: proxy.example:http",
             "upstream a { member \"proxy.example:http\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: member is a host and a port, \"HOST:PORT\", not \"proxy.example:http\"\n"},
			{"member: *:8080",
             "upstream a { member \"*:8080\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: member is a host and a port, \"HOST:PORT\", not \"*:8080\"\n"},
			{"member: 10.0.0:8080",
             "upstream a { member \"10.0.0:8080\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: member is a host and a port, \"HOST:PORT\", not \"10.0.0:8080\"\n"},
			{"member: :8080",
             "upstream a { member \":8080\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: member is a host and a port, \"HOST:PORT\", not \":8080\"\n"},
			{"member: 2001:db8::1",
             "upstream a { member \"2001:db8::1\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: member has no port: write \"[2001:db8::1]:8080\", or whatever its port is\n"},
			{"listen: 3128", "listen \"3128\" { }",
             "t.conf:1: error: listen is an address and a port: write \"127.0.0.1:3128\", or \"*:3128\" for all addresses of this machine\n"},
			{"listen: :3128", "listen \":3128\" { }",
             "t.conf:1: error: listen has no address in front of the port: write \"*:3128\" for all addresses of this machine\n"},
			{"listen: localhost:3128", "listen \"localhost:3128\" { }",
             "t.conf:1: error: listen is an address, not a name: write \"127.0.0.1:3128\"\n"},
			{"listen: 127.0.0.1", "listen \"127.0.0.1\" { }",
             "t.conf:1: error: listen is an address and a port, like \"127.0.0.1:3128\", not \"127.0.0.1\"\n"},
			{"listen: proxy.example:3128", "listen \"proxy.example:3128\" { }",
             "t.conf:1: error: listen is an address of this machine and a port, like \"127.0.0.1:3128\" or \"*:3128\", not \"proxy.example:3128\"\n"},
			{"listen: 127.0.0.1:99999", "listen \"127.0.0.1:99999\" { }",
             "t.conf:1: error: listen is an address and a port, like \"127.0.0.1:3128\", not \"127.0.0.1:99999\"\n"},
			{"listen: ", "listen \"\" { }",
             "t.conf:1: error: listen is an address and a port, like \"127.0.0.1:3128\", not \"\"\n"},
			{"listen: [::1]", "listen \"[::1]\" { }",
             "t.conf:1: error: listen is an address and a port, like \"127.0.0.1:3128\", not \"[::1]\"\n"},
			{"listen name", "listen \"127.0.0.1:3129\" { name = \"a proxy\" }\n" LISTEN,
             "t.conf:1: error: name is a host name, like \"proxy.example\", not \"a proxy\"\n"},
			{"listen twice", "listen \"127.0.0.1:03128\" { }\n" LISTEN,
             "t.conf:2: error: listen 127.0.0.1:3128 has the address of the listen 127.0.0.1:03128 in t.conf:1: give it another port, or take one out\n"},
			{"listen everywhere twice",
             "listen \"*:8080\" { clients = {\"10.0.0.0/8\"} }\n"
             "listen \"0.0.0.0:8080\" { clients = {\"10.0.0.0/8\"} }\n" LISTEN,
             "t.conf:2: error: listen 0.0.0.0:8080 has the address of the listen *:8080 in t.conf:1: give it another port, or take one out\n"},
			{"rule on an unknown listener", "access { action = deny  listen = {\"*:8080\"} }\n" LISTEN,
             "t.conf:1: error: listen = {\"*:8080\"} in this rule is no listener; there are \"127.0.0.1:3128\"\n"},
			{"method in small letters", "access { action = deny  methods = {\"get\"} }\n" LISTEN,
             "t.conf:1: error: methods are written in capitals, like \"GET\" or \"CONNECT\"; \"get\" is none\n"},
			{"resolver server", "resolver { servers = \"192.0.2.53, dns.example\" }\n" LISTEN,
             "t.conf:1: error: servers takes addresses with commas between, like \"192.0.2.53,192.0.2.54:5353\"; \"dns.example\" is none\n"},
			{"certificate without key",
             "upstream a {\n"
             "\tmember \"p.example:1\" { }\n"
             "\ttls { certificate = \"a.pem\" }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: error: upstream a: certificate and key belong together; key is missing\n"},
			{"upstream named direct", "upstream direct { member \"p.example:1\" { } }\n" LISTEN,
             "t.conf:1: error: an upstream cannot be named direct: via = direct means something else\n"},
			{"include of nothing", "include(\"none.conf\")\n" LISTEN,
             "t.conf:1: error: none.conf cannot be read: No such file or directory; is the path right?\n"},
			{"include of a folder", "include(\".\")\n" LISTEN,
             "t.conf:1: error: . is a directory: name a file in it\n"},
			{"include of itself", "include(\"loop.conf\")\n" LISTEN,
             "loop.conf:2: error: files include each other more than 8 deep: does one include itself?\n"},
			{"include with a mistake", "include(\"sub/broken.conf\")\n" LISTEN,
             "sub/broken.conf:2: error: there is no setting named workres; did you mean workers?\n"
             "sub/deeper.conf:3: error: drain needs a unit (ms s m h d): write 3s\n"},
			{"include in a block",
             "timeouts {\n"
             "\tinclude(\"x.conf\")\n"
             "}\n" LISTEN,
             "t.conf:2: error: include stands outside of all blocks\n"},
			{"include without parentheses", "include \"x.conf\"\n" LISTEN,
             "t.conf:1: error: write include(\"FILE\")\n"},
			{"missing brace of a rule before a listener",
             "access {\n"
             "\taction = deny\n" LISTEN,
             "t.conf:1: error: the block access that begins here has no closing } before listen in line 3\n"},
			{"warning: no listener", "workers = 2\n",
             "t.conf: warning: no listen block: a proxy at 127.0.0.1:3128 and a console at 127.0.0.1:3129 will be opened; write listen \"ADDRESS\" { } for others\n"},
			{"warning: no proxy", "listen \"127.0.0.1:3129\" { role = console }\n",
             "t.conf:1: warning: no listen has role = proxy: nothing is proxied\n"},
			{"warning: clients", "listen \"*:8080\" { }\n" LISTEN,
             "t.conf:1: warning: listen *:8080 is open to other hosts, but its clients are this machine alone: all others get a 403; write clients = {\"10.0.0.0/8\"}, or whatever your network is\n"},
			{"warning: open proxy", "listen \"*:8080\" { clients = {\"*\"} }\n" LISTEN,
             "t.conf:1: warning: listen *:8080 is an open proxy: whoever reaches this address may use it; name your networks in clients\n"},
			{"warning: console", "listen \"*:8080\" { role = console  clients = {\"10.0.0.0/8\"} }\n" LISTEN,
             "t.conf:1: warning: the console at *:8080 can be read by other hosts than this one\n"},
			{"warning: intermediary",
             "listen \"*:8080\" {\n"
             "\tclients = {\"10.0.0.0/8\"}\n"
             "\tintermediaries = {\"10.1.2.3\", \"192.0.2.1\"}\n"
             "}\n" LISTEN,
             "t.conf:1: warning: the intermediary 192.0.2.1/32 is not among the clients of listen *:8080: it gets a 403\n"},
			{"warning: all intermediaries",
             "listen \"127.0.0.1:8080\" {\n"
             "\tclients = {\"*\"}\n"
             "\tintermediaries = {\"*\"}\n"
             "\tproxy-protocol-from = {\"*\"}\n"
             "}\n" LISTEN,
             "t.conf:1: warning: every client of listen 127.0.0.1:8080 counts as an intermediary that keeps its users apart: a proxy in front that does not would give users each other's identity; name the intermediaries one by one\n"
             "t.conf:1: warning: every client of listen 127.0.0.1:8080 may claim any address by a PROXY header\n"},
			{"warning: connect-ports", "listen \"127.0.0.1:8080\" { connect-ports = {\"any\"} }\n" LISTEN,
             "t.conf:1: warning: clients of listen 127.0.0.1:8080 may CONNECT to any port, mail servers included\n"},
			{"warning: overlap", "listen \"*:3128\" { clients = {\"10.0.0.0/8\"} }\n" LISTEN,
             "t.conf:2: warning: listen 127.0.0.1:3128 and the listen *:3128 in t.conf:1 overlap: the narrower one takes its connections\n"},
			{"warning: loop by address",
             "upstream a { member \"127.0.0.1:3128\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: warning: the member 127.0.0.1:3128 is the listen 127.0.0.1:3128 in t.conf:3 of this same Fairlead: requests would come back and end as a loop\n"},
			{"warning: loop by name",
             "upstream a { member \"localhost:3128\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: warning: the member localhost:3128 is the listen 127.0.0.1:3128 in t.conf:3 of this same Fairlead: requests would come back and end as a loop\n"},
			{"warning: loop by our name",
             "listen \"*:8080\" {\n"
             "\tname = \"proxy.example\"\n"
             "\tclients = {\"10.0.0.0/8\"}\n"
             "}\n"
             "upstream a { member \"PROXY.example:8080\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:5: warning: the member PROXY.example:8080 is the listen *:8080 in t.conf:1 of this same Fairlead: requests would come back and end as a loop\n"},
			{"warning: loop to a wildcard",
             "listen \"*:8080\" { clients = {\"10.0.0.0/8\"} }\n"
             "upstream a { member \"127.0.0.9:8080\" { } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:2: warning: the member 127.0.0.9:8080 is the listen *:8080 in t.conf:1 of this same Fairlead: requests would come back and end as a loop\n"},
			{"warning: member again",
             "upstream a {\n"
             "\tmember \"p.example:8080\" { }\n"
             "\tmember \"P.example.:8080\" { }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:3: warning: the member P.example.:8080 is the one in t.conf:2 again: take one out\n"},
			{"warning: backups alone",
             "upstream a { member \"p.example:8080\" { backup = yes } }\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: warning: all members of upstream a are backups: they are tried in order, nothing is shared\n"},
			{"warning: unused upstream", "upstream a { member \"p.example:8080\" { } }\n" LISTEN,
             "t.conf:1: warning: no route leads to upstream a: write route { to = {\"*\"}  via = a }\n"},
			{"warning: unverified",
             "upstream a {\n"
             "\tmember \"p.example:8080\" { }\n"
             "\ttls { verify = false }\n"
             "}\n"
             "route { to = {\"*\"}  via = a }\n" LISTEN,
             "t.conf:1: warning: upstream a: verify = false lets anybody stand in for the parent\n"},
			{"warning: no Via at all", "route { to = {\"*\"}  via = direct  via-header = false }\n" LISTEN,
             "t.conf:1: warning: the Via field is left out for every host: loops are not detected any more; name the old servers that need it in a route of their own\n"},
			{"warning: route behind all",
             "route { to = {\"*\"}  via = direct }\n"
             "route { to = {\"a.example\"}  via = direct }\n" LISTEN,
             "t.conf:2: warning: this route is never reached: the one in t.conf:1 matches all of it\n"},
			{"warning: route behind its domain",
             "route { to = {\"*.example\"}  via = direct }\n"
             "route { to = {\"a.example\", \"*.b.example\"}  via = direct }\n" LISTEN,
             "t.conf:2: warning: this route is never reached: the one in t.conf:1 matches all of it\n"},
			{"warning: route behind its network",
             "route { to = {\"10.0.0.0/8\"}  via = direct }\n"
             "route { to = {\"10.1.0.0/16\", \"10.2.3.4:80\"}  via = direct }\n" LISTEN,
             "t.conf:2: warning: this route is never reached: the one in t.conf:1 matches all of it\n"},
			{"warning: rule behind all",
             "access { action = deny }\n"
             "access { action = allow  to = {\"a.example\"} }\n" LISTEN,
             "t.conf:2: warning: this rule is never reached: the one in t.conf:1 matches all of it\n"},
			{"warning: rule behind its like",
             "access { action = deny  to = {\"*.example\"} }\n"
             "access { action = allow  to = {\"a.example\"}  from = {\"10.0.0.0/8\"} }\n" LISTEN,
             "t.conf:2: warning: this rule is never reached: the one in t.conf:1 matches all of it\n"},
};

#endif
