// node httpntlm.js OPTIONS: requests by the npm package httpntlm, as JSON on standard output. OPTIONS is JSON too: requests (what the
// package takes, each with its method), all at once if `together`.
const httpntlm = require('httpntlm')

const options = JSON.parse(process.argv[2])

function ask(request) {
	return new Promise(resolve => httpntlm[request.method || 'get'](request, (error, answer) =>
		resolve(error ? { error: String(error) } : { status: answer.statusCode, body: answer.body })))
}

async function main() {
	const answers = []
	if (options.together)
		answers.push(...await Promise.all(options.requests.map(ask)))
	else
		for (const request of options.requests)
			answers.push(await ask(request))
	console.log(JSON.stringify(answers))
	process.exit(0) // its agents keep their connections
}

main()
