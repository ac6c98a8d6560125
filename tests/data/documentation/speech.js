// Define the endpoint URL
const url = "http://127.0.0.1:7851/v1/audio/speech";
// Define the request payload
const payload = {
model: "any_model_name",
input: "Hello, this is a test.",
voice: "nova",
response_format: "wav",
speed: 1.0
};
// Set the headers
const headers = {
"Content-Type": "application/json"
};
// Send the POST request
fetch(url, {
method: "POST",
headers: headers,
body: JSON.stringify(payload)
})
.then(response => {
if (response.ok) {
return response.blob();
} else {
return response.text().then(text => { throw new Error(text); });
}
})
.then(blob => {
// Create a link element
const url = window.URL.createObjectURL(blob);
const a = document.createElement('a');
a.style.display = 'none';
a.href = url;
a.download = 'output.wav';
// Append the link to the body
document.body.appendChild(a);
// Programmatically click the link to trigger the download
a.click();
// Remove the link from the document
window.URL.revokeObjectURL(url);
document.body.removeChild(a);
console.log("Audio file saved as output.wav");
})
.catch(error => {
console.error("Error:", error);
});
